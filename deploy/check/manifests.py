#!/usr/bin/env python3
"""Checks what Kubernetes' schemas do not: whether the names in the manifests match. Needs PyYAML and jsonschema.

  manifests.py shop RENDERED     the shop: services reach pods, policies allow the actual calls, images are pinned
  manifests.py chart RENDERED    the chart: restricted pods, no unrequested rights, references that exist, custom resources
  manifests.py chaos RENDERED-SHOP   the experiments against their shop"""
import json
import pathlib
import sys
import urllib.parse

import jsonschema
import yaml

HERE = pathlib.Path(__file__).parent
wrong = []


def need(ok, what):
    if not ok:
        wrong.append(what)


def documents(path):
    return [d for d in yaml.safe_load_all(pathlib.Path(path).read_text()) if d]


def of(docs, kind):
    return [d for d in docs if d["kind"] == kind]


def name(doc):
    return doc["metadata"]["name"]


def pods(docs):
    return {name(d): d["spec"]["template"] for k in ("Deployment", "StatefulSet") for d in of(docs, k)}


def fits(selector, labels):
    return all(labels.get(k) == v for k, v in selector.items())


def ports(template):
    return {p["name"]: p["containerPort"] for c in template["spec"]["containers"] for p in c.get("ports", [])}


def services_reach_pods(docs):
    for service in of(docs, "Service"):
        behind = [t for t in pods(docs).values() if fits(service["spec"]["selector"], t["metadata"]["labels"])]
        need(len(behind) == 1, f"service {name(service)} selects {len(behind)} workloads")
        for template in behind:
            for port in service["spec"]["ports"]:
                need(port["targetPort"] in ports(template), f"service {name(service)}: no port {port['targetPort']} behind it")


# The calls between services, from the sources of the shop.
CALLS = """front-end catalogue carts user orders session-db
catalogue catalogue-db
carts carts-db
user user-db
orders user carts payment shipping orders-db
shipping rabbitmq
queue-master rabbitmq"""


def shop(docs):
    services_reach_pods(docs)
    templates = pods(docs)
    need(len(templates) == 14, f"the shop has 14 workloads, not {len(templates)}")
    for service, template in templates.items():
        spec = template["spec"]
        need(spec["nodeSelector"].get("kubernetes.io/os") == "linux", f"{service}: no node selector for Linux")
        need(template["metadata"]["labels"]["name"] == service, f"{service}: its label `name` differs")
        for container in spec["containers"]:
            tag = container["image"].partition(":")[2]
            need(tag and tag != "latest", f"{service}: {container['image']} is not pinned")
            need("readinessProbe" in container, f"{service}: no readiness probe")
            need("limits" in container["resources"], f"{service}: no limits")
    for service in of(docs, "Service"):
        for port in service["spec"]["ports"]:
            need(port["name"].partition("-")[0] in ("http", "tcp"), f"{name(service)}: {port['name']} tells Istio no protocol")
    policies = of(docs, "NetworkPolicy")
    calls = {(line.split()[0], callee) for line in CALLS.splitlines() for callee in line.split()[1:]}
    allowed = set()
    for policy in policies:
        selector = policy["spec"]["podSelector"].get("matchLabels", {})
        hit = [s for s, t in templates.items() if fits(selector, t["metadata"]["labels"])]
        need(hit, f"policy {name(policy)} selects nothing")
        for rule in policy["spec"].get("ingress", []):
            for port in rule["ports"]:
                for service in hit if selector else []:
                    need(port["port"] in ports(templates[service]), f"policy {name(policy)}: {service} has no port {port['port']}")
            for peer in rule.get("from", []):
                callers = [s for s, t in templates.items() if fits(peer["podSelector"]["matchLabels"], t["metadata"]["labels"])]
                need(callers, f"policy {name(policy)}: a peer selects nothing")
                allowed |= {(caller, callee) for caller in callers for callee in hit}
    need(allowed == calls, f"policies and calls differ: {sorted(allowed ^ calls)}")


# Required fields of resources that Kubernetes' own schemas do not cover.
CUSTOM = {
    "ServiceMonitor": {"type": "object", "required": ["selector", "endpoints"], "properties": {
        "endpoints": {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["port"]}}}},
    "PodMonitor": {"type": "object", "required": ["selector", "podMetricsEndpoints"]},
    "PrometheusRule": {"type": "object", "required": ["groups"], "additionalProperties": False, "properties": {"groups": {
        "type": "array", "minItems": 1, "items": {"type": "object", "required": ["name", "rules"]}}}},
    "HTTPRoute": {"type": "object", "required": ["parentRefs", "rules"], "properties": {
        "parentRefs": {"type": "array", "minItems": 1}, "rules": {"type": "array", "minItems": 1}}},
    "Telemetry": {"type": "object", "required": ["metrics"]},
}


def restricted(what, pod):
    """Pod Security Standards, level `restricted`, and a read-only root file system."""
    outer = pod.get("securityContext", {})
    need(outer.get("runAsNonRoot") is True, f"{what}: may run as root")
    need(outer.get("seccompProfile", {}).get("type") == "RuntimeDefault", f"{what}: no seccomp profile")
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        need(not pod.get(key), f"{what}: {key}")
    for container in pod["containers"]:
        inner = container.get("securityContext", {})
        need(inner.get("allowPrivilegeEscalation") is False, f"{what}: may gain privileges")
        need(inner.get("readOnlyRootFilesystem") is True, f"{what}: may write its root file system")
        need(inner.get("capabilities") == {"drop": ["ALL"]}, f"{what}: keeps capabilities")
        need(container.get("resources", {}).get("limits", {}).get("memory"), f"{what}: no limit of memory")
    kinds = {"configMap", "emptyDir", "persistentVolumeClaim", "secret", "projected"}
    for volume in pod.get("volumes", []):
        need(set(volume) - {"name"} <= kinds, f"{what}: volume {volume['name']} is not allowed")


METADATA = {"169.254.0.0/16", "168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32", "fe80::/10", "fd00:ec2::254/128", "fd20:ce::254/128"}


def network(docs, template, config):
    """One policy for automap's pods: its own port in, named ports out, all addresses of the configuration among them, and no metadata service."""
    policies = of(docs, "NetworkPolicy")
    need(len(policies) == 1, f"{len(policies)} network policies")
    for policy in policies:
        spec = policy["spec"]
        need(fits(spec["podSelector"]["matchLabels"], template["metadata"]["labels"]), "the network policy selects other pods")
        need(set(spec["policyTypes"]) == {"Ingress", "Egress"}, f"the network policy is for {spec['policyTypes']} only")
        for rule in spec["ingress"]:
            need([p["port"] for p in rule["ports"]] == ["http"], f"the network policy lets in {rule['ports']}")
            need(rule.get("from"), "the network policy lets everybody in")
            open_to_all = {"namespaceSelector": {}} in rule["from"]
            need(not (open_to_all and config["api"].get("insecure_no_auth")), "every pod of the cluster reaches an API without tokens")
        out = set()
        for rule in spec["egress"]:
            need(rule.get("ports"), "the network policy lets out to every port")
            out |= {p["port"] for p in rule.get("ports", [])}
            for block in (peer["ipBlock"] for peer in rule.get("to", []) if "ipBlock" in peer):
                if block["cidr"] in ("0.0.0.0/0", "::/0"):
                    left = {c for c in METADATA if (":" in c) == (":" in block["cidr"])} - set(block.get("except", []))
                    need(not left, f"the network policy lets out to {sorted(left)}")
        urls = [t["prometheus"]["url"] for t in config["targets"]]
        kinds = [to for r in config.get("notify", {}).get("receivers", []) for to in r["to"].values()]
        urls += [to["url"] for to in kinds if "url" in to]
        for url in map(urllib.parse.urlsplit, urls):
            port = url.port or (443 if url.scheme == "https" else 80)
            need(port in out, f"the network policy does not let out to port {port} of {url.hostname}")
        need(443 in out or all("url" in to for to in kinds), "the network policy does not let out to receivers whose address is a secret")


def chart(docs):
    services_reach_pods(docs)
    (template,) = pods(docs).values()
    restricted("automap", template["spec"])
    for pod in of(docs, "Pod"):
        restricted(name(pod), pod["spec"])
    reads = template["spec"]["automountServiceAccountToken"]
    rights = [d for k in ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding") for d in of(docs, k)]
    need(bool(rights) == reads, f"rights in Kubernetes: {len(rights)}, and a token: {reads}")
    for role in of(docs, "Role") + of(docs, "ClusterRole"):
        for rule in role["rules"]:
            need(set(rule["verbs"]) == {"get", "list", "watch"}, f"{name(role)} may {rule['verbs']}")
            need(rule["apiGroups"] in (["chaos-mesh.org"], [""]), f"{name(role)} reads {rule['apiGroups']}")
            need(not {"secrets", "configmaps", "pods/exec", "*"} & set(rule["resources"]), f"{name(role)} reads {rule['resources']}")
    made = {(d["kind"], name(d)) for d in docs}
    for volume in template["spec"]["volumes"]:
        own = volume.get("configMap", {}).get("name")
        if volume["name"] == "config":
            need(("ConfigMap", own) in made, f"the configuration {own} is not rendered")
    mounts = {m["name"] for m in template["spec"]["containers"][0]["volumeMounts"]}
    volumes = {v["name"] for v in template["spec"]["volumes"]}
    need(mounts == volumes, f"mounts and volumes differ: {sorted(mounts ^ volumes)}")
    config = yaml.safe_load(next(d for d in of(docs, "ConfigMap") if "automap.yaml" in d.get("data", {}))["data"]["automap.yaml"])
    need(config["targets"] and config["api"]["listen"].endswith(":9977"), "the configuration listens or watches elsewhere")
    need(bool(config["api"].get("auth")) != bool(config["api"].get("insecure_no_auth")), "authentication is neither on nor off")
    network(docs, template, config)
    for doc in docs:
        if doc["kind"] in CUSTOM:
            jsonschema.validate(doc["spec"], CUSTOM[doc["kind"]])
    for config_map in of(docs, "ConfigMap"):
        if "automap.json" in config_map.get("data", {}):
            json.loads(config_map["data"]["automap.json"])


def chaos(shop_docs):
    schema = json.loads((HERE / "chaos.schema.json").read_text())
    templates = pods(shop_docs)
    kinds, count = set(), 0

    def experiment(file, kind, spec, timed):
        nonlocal count
        count += 1
        kinds.add((kind, spec.get("action", "")))
        for error in jsonschema.Draft202012Validator({**schema, "$ref": f"#/$defs/{kind}"}).iter_errors(spec):
            need(False, f"{file}: {error.json_path}: {error.message}")
        one_shot = spec.get("action") in ("pod-kill", "container-kill")
        need(("duration" in spec) == (timed and not one_shot), f"{file}: `duration` is missing, or means nothing here")
        need(spec.get("action") not in schema["$defs"][kind]["properties"] or spec["action"] in spec, f"{file}: no `{spec.get('action')}`")
        for selector in [spec["selector"]] + ([spec["target"]["selector"]] if kind == "NetworkChaos" and "target" in spec else []):
            need(selector["namespaces"] == ["sock-shop"], f"{file}: it reaches beyond sock-shop")
            hit = [t for t in templates.values() if fits(selector["labelSelectors"], t["metadata"]["labels"])]
            need(len(hit) == 1, f"{file}: {selector['labelSelectors']} selects {len(hit)} workloads")
        hit = [t["spec"] for t in templates.values() if fits(spec["selector"]["labelSelectors"], t["metadata"]["labels"])]
        for pod in hit:
            names = {c["name"] for c in pod["containers"]}
            need(set(spec.get("containerNames", [])) <= names, f"{file}: no such container")
            if kind in ("StressChaos", "IOChaos", "DNSChaos", "TimeChaos"):
                need("containerNames" in spec, f"{file}: without containerNames a side-car may be hit")
            if kind == "IOChaos":
                mounts = {m["mountPath"] for c in pod["containers"] for m in c.get("volumeMounts", [])}
                need(spec["volumePath"] in mounts, f"{file}: {spec['volumePath']} is no mount")
            if kind == "HTTPChaos":
                need(spec["port"] in {p["containerPort"] for c in pod["containers"] for p in c["ports"]}, f"{file}: no such port")

    for path in sorted((HERE.parent / "chaos-mesh/experiments").glob("*.yaml")):
        need("# Expected: " in path.read_text(), f"{path.name} does not say what is expected")
        (doc,) = documents(path)
        need(name(doc) == path.stem and doc["metadata"]["namespace"] == "sock-shop", f"{path.name}: another name or namespace")
        need(doc["apiVersion"] == "chaos-mesh.org/v1alpha1", f"{path.name}: {doc['apiVersion']}")
        spec = doc["spec"]
        if doc["kind"] == "Schedule":
            experiment(path.name, spec["type"], spec[spec["type"][0].lower() + spec["type"][1:]], True)
        elif doc["kind"] == "Workflow":
            steps = {t["name"]: t for t in spec["templates"]}
            need(spec["entry"] in steps, f"{path.name}: no template {spec['entry']}")
            for step in steps.values():
                need(set(step.get("children", [])) <= set(steps), f"{path.name}: {step['name']} has children that are not there")
                if step["templateType"].endswith("Chaos"):
                    kind = step["templateType"]
                    experiment(path.name, kind, step[kind[0].lower() + kind[1:]], False)
        else:
            experiment(path.name, doc["kind"], spec, True)
    expected = {"PodChaos", "NetworkChaos", "StressChaos", "HTTPChaos", "IOChaos", "DNSChaos", "TimeChaos"}
    need({k for k, _ in kinds} == expected, f"kinds without an experiment: {expected - {k for k, _ in kinds}}")
    need(count >= 20, f"{count} experiments")
    print(f"{count} experiments of {len(kinds)} kinds")


what, path = sys.argv[1:]
{"shop": shop, "chart": chart, "chaos": chaos}[what](documents(path))
for line in wrong:
    print(f"error: {line}", file=sys.stderr)
sys.exit(bool(wrong))
