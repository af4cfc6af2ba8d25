#!/usr/bin/env python3
"""The dashboard: panels that do not overlap, variables and data sources that exist, queries that parse. No Grafana is needed, and so none is
asked: how it looks is for eyes. `dashboard.py FILE RULES [OPENAPI]` writes the PromQL as rules for promtool to RULES; with the OpenAPI
document paths, parameters and columns are compared with it."""
import json
import pathlib
import re
import sys

dashboard = json.loads(pathlib.Path(sys.argv[1]).read_text())
openapi = json.loads(pathlib.Path(sys.argv[3]).read_text()) if len(sys.argv) > 3 else None
wrong, queries = [], []


def need(ok, what):
    if not ok:
        wrong.append(what)


def infinity(what, target):
    path, _, query = target["url"].partition("?")
    need(path.startswith("/api/v1/flat/"), f"{what}: {path} is no flat array")
    need(target["columns"] and target["type"] == "json", f"{what}: no columns")
    if openapi is None:
        return
    if path not in openapi["paths"]:
        return need(False, f"{what}: there is no {path}")
    get = openapi["paths"][path]["get"]
    known = {p["name"] for p in get.get("parameters", [])}
    need({p.partition("=")[0] for p in query.split("&")} <= known, f"{what}: {query} has unknown parameters")
    schema = get["responses"]["200"]["content"]["application/json"]["schema"]
    while "$ref" in schema or "items" in schema:
        schema = openapi["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema["items"]
    for column in target["columns"]:
        need(column["selector"] in schema["properties"], f"{what}: rows have no {column['selector']}")


variables = {v["name"] for v in dashboard["templating"]["list"]}
builtin = {"__all", "__rate_interval", "__interval", "__range", "__from", "__to", "__auto", "__value", "__data"}
text = json.dumps(dashboard)
used = set(re.findall(r"\$\{?([a-zA-Z_]+)", text))
need(used <= variables | builtin, f"unknown variables: {used - variables - builtin}")
need(variables <= used, f"variables that nothing uses: {variables - used}")
need(dashboard["uid"] and dashboard["title"] and dashboard["schemaVersion"] >= 39, "no uid, title or schema version")
ids = [p["id"] for p in dashboard["panels"]]
need(len(ids) == len(set(ids)), "two panels have the same id")
cells = {}
for panel in dashboard["panels"]:
    at, title = panel["gridPos"], panel["title"]
    need(at["x"] >= 0 and at["x"] + at["w"] <= 24 and at["w"] > 0 and at["h"] > 0, f"{title}: beyond the grid")
    for x in range(at["x"], at["x"] + at["w"]):
        for y in range(at["y"], at["y"] + at["h"]):
            need((x, y) not in cells, f"{title} lies over {cells.get((x, y))}")
            cells[x, y] = title
    if panel["type"] == "row":
        continue
    need(panel.get("description"), f"{title}: no description")
    need(panel["targets"], f"{title}: no query")
    for target in panel["targets"]:
        if target["datasource"]["type"] == "prometheus":
            queries.append(target["expr"])
        else:
            infinity(title, target)
incidents = [a for a in dashboard["annotations"]["list"] if a.get("target", {}).get("refId") == "Anno"]
need(len(incidents) == 1, "no annotations of incidents")
for annotation in incidents:
    infinity("annotations", annotation["target"])
    need({"time", "timeEnd", "title", "text", "tags"} <= {c["text"] for c in annotation["target"]["columns"]}, "annotations lack a field")
rules = [{"record": f"dashboard:query:{i}", "expr": re.sub(r"\$__(rate_interval|range)", "5m", q).replace('"$job"', '".*"').replace('"$target"', '".*"')}
         for i, q in enumerate(queries)]
pathlib.Path(sys.argv[2]).write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
for line in wrong:
    print(f"error: {line}", file=sys.stderr)
print(f"{len(ids)} panels, {len(queries)} queries to Prometheus")
sys.exit(bool(wrong))
