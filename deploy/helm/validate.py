"""Objects that `helm template` made, against the schemas of Kubernetes, strictly; and that what a pod names is there
by the time it starts.

usage: validate.py RENDERED SITE_FILE
RENDERED is what helm wrote; the site file found in it is written to SITE_FILE.
"""

import sys

import kubernetes_validate
import yaml

# The oldest that Chart.yaml allows, and the newest known here.
VERSIONS = ["1.27", kubernetes_validate.latest_version()]
# Kinds of others; their schemas are with them.
FOREIGN = {("keda.sh/v1alpha1", "ScaledObject"), ("monitoring.coreos.com/v1", "PodMonitor")}


def hook_of(one):
    """Helm's events that make this object, and its turn among them; no events: it comes with the release."""
    annotations = one["metadata"].get("annotations", {})
    events = set(filter(None, annotations.get("helm.sh/hook", "").split(",")))
    return events, int(annotations.get("helm.sh/hook-weight", "0"))


def is_there_for(one, other):
    """Whether `other` is made before `one`. Pods of a release wait for its other objects; hooks before it cannot."""
    events, turn = hook_of(one)
    other_events, other_turn = hook_of(other)
    if not events:
        return not other_events
    return events <= other_events and other_turn < turn


def names_of(pod):
    """What a pod cannot do without: (kind, name)."""
    yield "ServiceAccount", pod.get("serviceAccountName", "default")
    for volume in pod.get("volumes", []):
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]


rendered, site_file = sys.argv[1:]
with open(rendered, encoding="utf-8") as file:
    objects = [one for one in yaml.safe_load_all(file) if one is not None]
problems = []
names = set()
for one in objects:
    name = (one["kind"], one["metadata"]["name"])
    if name in names:
        problems.append(f"{name}: twice")
    names.add(name)
    if (one["apiVersion"], one["kind"]) in FOREIGN:
        continue
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(one, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            place = ".".join(str(step) for step in error.path)
            problems.append(f"{name} against {version}: {place}: {error.message}")
        except kubernetes_validate.SchemaNotFoundError:
            problems.append(f"{name}: Kubernetes {version} has no {one['apiVersion']}")
# The job's name is what alert rules ask for, and what the operator calls it by itself is none of ours.
WANTED_LABELS = {"job": "banksman", "site": None}
for one in objects:
    if one["kind"] != "PodMonitor":
        continue
    for endpoint in one["spec"]["podMetricsEndpoints"]:
        given = {each["targetLabel"]: each["replacement"] for each in endpoint.get("relabelings", [])}
        for label, value in WANTED_LABELS.items():
            if not given.get(label) or value not in (None, given[label]):
                problems.append(f"PodMonitor, port {endpoint['port']}: label {label} is {given.get(label)!r}")
for one in objects:
    template = one.get("spec", {}).get("template")
    for kind, name in names_of(template["spec"]) if template else []:
        makers = [other for other in objects if (other["kind"], other["metadata"]["name"]) == (kind, name)]
        if not any(is_there_for(one, other) for other in makers):
            problems.append(f"{one['kind']} {one['metadata']['name']}: no {kind} {name} when it starts")
sites = [one["data"]["site.yaml"] for one in objects if one["kind"] == "ConfigMap"]
if len(set(sites)) != 1:
    problems.append(f"{len(set(sites))} different site files")
with open(site_file, "w", encoding="utf-8") as file:
    file.write(sites[0])
for problem in problems:
    print(f"{rendered}: {problem}", file=sys.stderr)
sys.exit(1 if problems or len(objects) < 10 else 0)
