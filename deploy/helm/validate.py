"""Objects that `helm template` made, against the schemas of Kubernetes, strictly.

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
sites = [one["data"]["site.yaml"] for one in objects if one["kind"] == "ConfigMap"]
if len(set(sites)) != 1:
    problems.append(f"{len(set(sites))} different site files")
with open(site_file, "w", encoding="utf-8") as file:
    file.write(sites[0])
for problem in problems:
    print(f"{rendered}: {problem}", file=sys.stderr)
sys.exit(1 if problems or len(objects) < 10 else 0)
