"""Objects that `helm template` made, against the schemas of Kubernetes, strictly.

usage: validate.py RENDERED SITE_FILE
RENDERED is what helm wrote; the site file found in it is written to SITE_FILE.
"""

import sys

import kubernetes_validate
import yaml

# The oldest that Chart.yaml allows and that is still looked after somewhere, and the newest known here.
VERSIONS = ["1.31", kubernetes_validate.latest_version()]
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
        except Exception as error:  # whatever it says is what is wrong
            problems.append(f"{name} against {version}: {error}")
sites = [one["data"]["site.yaml"] for one in objects if one["kind"] == "ConfigMap"]
if len(set(sites)) != 1:
    problems.append(f"{len(set(sites))} different site files")
with open(site_file, "w", encoding="utf-8") as file:
    file.write(sites[0])
for problem in problems:
    print(f"{rendered}: {problem}", file=sys.stderr)
sys.exit(1 if problems or len(objects) < 10 else 0)
