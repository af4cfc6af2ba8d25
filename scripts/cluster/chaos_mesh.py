#!/usr/bin/env python3
"""A stand-in for Chaos Mesh on the node of node.sh: accepts the same objects, has the same effects, writes the same status.

    chaos_mesh.py crds >crds.json                  the kinds, with the schemas of deploy/check where there are any
    chaos_mesh.py run --dir DIR --netdelay PROGRAM in the namespace of the node, until it is killed

It can pod-kill, container-kill, CPU and memory stress, network delay and loss (of everything that a pod sends, without a
target). Other experiments get `Not Injected/Wait` and the reason, as with Chaos Mesh for faults that it cannot inject. It
writes: a finalizer, conditions without times, one record for each pod or container with its events, whole seconds.
"""

import argparse
import datetime
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
from pathlib import Path

from api import Api

GROUP = "chaos-mesh.org"
KINDS = {
    "PodChaos": "podchaos",
    "NetworkChaos": "networkchaos",
    "StressChaos": "stresschaos",
    "HTTPChaos": "httpchaos",
    "IOChaos": "iochaos",
    "TimeChaos": "timechaos",
    "DNSChaos": "dnschaos",
    "JVMChaos": "jvmchaos",
    "KernelChaos": "kernelchaos",
    "BlockChaos": "blockchaos",
    "AWSChaos": "awschaos",
    "GCPChaos": "gcpchaos",
    "AzureChaos": "azurechaos",
    "PhysicalMachineChaos": "physicalmachinechaos",
    "Schedule": "schedules",
    "Workflow": "workflows",
    "WorkflowNode": "workflownodes",
    "StatusCheck": "statuschecks",
}
INJECTING = list(KINDS)[:14]
FINALIZER = "chaos-mesh/records"
PAUSE = "experiment.chaos-mesh.org/pause"
ONE_SHOT = ("pod-kill", "container-kill")
POLL_S = 0.5
MAX_EVENTS = 100


def structural(schema, definitions):
    """A JSON schema as an API server accepts it: no references, a type everywhere, and no refusal of other keys (it drops them)."""
    if "$ref" in schema:
        return structural(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    out = {key: value for key, value in schema.items() if not key.startswith("$")}
    out.setdefault("type", "string" if "enum" in out else "object")
    if "properties" in out:
        out["properties"] = {name: structural(of, definitions) for name, of in out["properties"].items()}
        out.pop("additionalProperties", None)
    for key in ("items", "additionalProperties"):
        if isinstance(out.get(key), dict):
            out[key] = structural(out[key], definitions)
    return out


def crds():
    definitions = json.loads((Path(__file__).parent / "../../deploy/check/chaos.schema.json").read_text(encoding="utf-8"))["$defs"]
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}

    def crd(kind, plural):
        spec = structural(definitions[kind], definitions) if kind in definitions else anything
        schema = {"type": "object", "required": ["spec"], "properties": {"spec": spec, "status": anything}}
        version = {"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
        names = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"}
        spec = {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]}
        meta = {"name": f"{plural}.{GROUP}"}
        return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": meta, "spec": spec}

    return {"apiVersion": "v1", "kind": "List", "items": [crd(*names) for names in KINDS.items()]}


class Mesh(Api):
    """The part of the API that a Chaos Mesh needs."""

    def experiments(self):
        for kind in INJECTING:
            for item in self.send("GET", f"/apis/{GROUP}/v1alpha1/{KINDS[kind]}")["items"]:
                yield item | {"kind": kind}

    def patch(self, item, change):
        meta = item["metadata"]
        path = f"/apis/{GROUP}/v1alpha1/namespaces/{meta['namespace']}/{KINDS[item['kind']]}/{meta['name']}"
        return self.send("PATCH", path, change) | {"kind": item["kind"]}

    def pods(self, selector, default_namespace):
        labels = ",".join(f"{name}={value}" for name, value in selector.get("labelSelectors", {}).items())
        for namespace in selector.get("namespaces", [default_namespace]):
            found = self.send("GET", f"/api/v1/namespaces/{namespace}/pods?labelSelector={urllib.parse.quote(labels)}")
            yield from (pod for pod in found["items"] if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"])

    def pod(self, name):
        namespace, name = name.split("/")[:2]
        return self.send("GET", f"/api/v1/namespaces/{namespace}/pods/{name}")


class Node:
    """Injects faults into containers."""

    def __init__(self, directory, netdelay):
        self.ctr = ["ctr", "-a", f"{directory}/containerd.sock", "-n", "k8s.io"]
        self.netdelay = netdelay
        # Experiment and record → the running fault.
        self.running = {}

    def container(self, pod, name):
        status = next(c for c in pod["status"]["containerStatuses"] if c["name"] == name)
        return status["containerID"].removeprefix("containerd://")

    def pid(self, container):
        listed = subprocess.run([*self.ctr, "tasks", "ls"], capture_output=True, text=True, check=True).stdout
        return next(line.split()[1] for line in listed.splitlines() if line.startswith(container))

    def kill(self, container):
        subprocess.run([*self.ctr, "tasks", "kill", "-s", "SIGKILL", container], check=True)

    def stress(self, key, container, stressors):
        """stress-ng among the container's own processes, in terms of limits and accounting."""
        with open(f"/proc/{self.pid(container)}/cgroup", encoding="utf-8") as file:
            groups = [line.strip().split(":", 2) for line in file]

        def join():
            os.setsid()
            for _, controllers, path in groups:
                for controller in controllers.split(","):
                    place = f"/sys/fs/cgroup/{controller}{path}/cgroup.procs"
                    if controller in ("cpu", "cpuacct", "memory") and os.path.exists(place):
                        with open(place, "w", encoding="utf-8") as file:
                            file.write(str(os.getpid()))

        command = ["stress-ng", "--quiet", "--temp-path", "/tmp"]
        if cpu := stressors.get("cpu"):
            command += ["--cpu", str(cpu.get("workers", 1)), "--cpu-load", str(cpu.get("load", 100))]
        if memory := stressors.get("memory"):
            size = memory.get("size", "100MB").replace("MiB", "M").replace("MB", "M").replace("Mi", "M")
            command += ["--vm", str(memory.get("workers", 1)), "--vm-bytes", size, "--vm-keep", "--vm-hang", "0"]
        self.running[key] = [subprocess.Popen(command, preexec_fn=join)]

    def network(self, key, pod, spec):
        milliseconds = {"us": 1e-3, "ms": 1, "s": 1e3}

        def span(text):
            number, unit = re.fullmatch(r"([0-9.]+)(us|ms|s)", text).groups()
            return float(number) * milliseconds[unit]

        delay = spec.get("delay", {})
        latency, jitter = span(delay.get("latency", "0ms")), span(delay.get("jitter", "0ms"))
        loss = spec.get("loss", {}).get("loss", "0")
        inside = ["nsenter", f"--net=/proc/{self.pid(self.container(pod, pod['spec']['containers'][0]['name']))}/ns/net"]
        rule = ["OUTPUT", "-o", "eth0", "-j", "NFQUEUE", "--queue-num", "7", "--queue-bypass"]
        subprocess.run([*inside, "iptables", "-I", *rule], check=True)
        holder = subprocess.Popen([*inside, self.netdelay, "7", str(latency), str(jitter), loss], start_new_session=True)
        self.running[key] = [holder, [*inside, "iptables", "-D", *rule]]

    def end(self, key):
        for what in self.running.pop(key, []):
            if isinstance(what, list):
                # The pod may be gone, and its rules with it.
                subprocess.run(what, check=False, stderr=subprocess.DEVNULL)
            else:
                try:
                    os.killpg(what.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
                what.wait()


def now():
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds(text):
    factors = {"h": 3600, "m": 60, "s": 1, "ms": 1e-3}
    return sum(float(number) * factors[unit] for number, unit in re.findall(r"([0-9.]+)(ms|h|m|s)", text))


def impossible(kind, spec):
    action = spec.get("action", "")
    if kind == "PodChaos" and action in ONE_SHOT or kind == "StressChaos" and "stressors" in spec:
        return None
    if kind == "NetworkChaos" and action in ("delay", "loss") and "target" not in spec and spec.get("direction", "to") == "to":
        return None
    return f"this stand-in cannot do {kind} {action}".strip()


def choose(pods, spec):
    pods = sorted(pods, key=lambda pod: pod["metadata"]["name"])
    if spec.get("mode") == "all":
        return pods
    return random.sample(pods, min(len(pods), int(spec.get("value", 1)) if spec.get("mode") == "fixed" else 1))


def record_ids(kind, spec, pod):
    name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    if kind == "StressChaos" or spec.get("action") == "container-kill":
        return [f"{name}/{container}" for container in spec.get("containerNames") or [pod["spec"]["containers"][0]["name"]]]
    return [name]


def inject(api, node, item, record):
    spec, key = item["spec"], (item["metadata"]["uid"], record["id"])
    if why := impossible(item["kind"], spec):
        raise RuntimeError(why)
    pod = api.pod(record["id"])
    container = record["id"].split("/")[2:]
    if spec.get("action") == "pod-kill":
        meta = pod["metadata"]
        body = {"gracePeriodSeconds": int(spec.get("gracePeriod", 0))}
        api.send("DELETE", f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}", body)
    elif spec.get("action") == "container-kill":
        node.kill(node.container(pod, container[0]))
    elif item["kind"] == "StressChaos":
        node.stress(key, node.container(pod, container[0]), spec["stressors"])
    else:
        node.network(key, pod, spec)


def note(record, operation, error=None):
    event = {"operation": operation, "timestamp": now(), "type": "Failed" if error else "Succeeded"}
    if error:
        event["message"] = error
    record["events"] = (record.get("events", []) + [event])[-MAX_EVENTS:]


def advance(api, node, item, records):
    """One step of one experiment; returns its current records."""
    spec, meta = item["spec"], item["metadata"]
    if records is None:
        pods = choose(api.pods(spec.get("selector", {}), meta["namespace"]), spec)
        ids = [one for pod in pods for one in record_ids(item["kind"], spec, pod)]
        records = [{"id": one, "selectorKey": ".", "phase": "Not Injected", "injectedCount": 0, "recoveredCount": 0} for one in ids]
    one_shot = spec.get("action") in ONE_SHOT
    created = datetime.datetime.fromisoformat(meta["creationTimestamp"]).timestamp()
    is_over = not one_shot and "duration" in spec and time.time() >= created + seconds(spec["duration"])
    stop = is_over or "deletionTimestamp" in meta or meta.get("annotations", {}).get(PAUSE) == "true"
    for record in records:
        if not stop and record["phase"].startswith("Not Injected"):
            try:
                inject(api, node, item, record)
            except (RuntimeError, OSError, subprocess.CalledProcessError, StopIteration, urllib.error.URLError) as error:
                if record["phase"] != "Not Injected/Wait":
                    note(record, "Apply", str(error) or type(error).__name__)
                record["phase"] = "Not Injected/Wait"
            else:
                note(record, "Apply")
                record |= {"phase": "Injected", "injectedCount": record["injectedCount"] + 1}
        elif stop and record["phase"] == "Injected" and not one_shot:
            node.end((meta["uid"], record["id"]))
            note(record, "Recover")
            record |= {"phase": "Not Injected", "recoveredCount": record["recoveredCount"] + 1}
    return records, stop


def status(records, stop):
    injected = [record["phase"] == "Injected" for record in records]
    conditions = {"Selected": bool(records), "AllInjected": all(injected), "AllRecovered": not any(injected), "Paused": False}
    return {
        "conditions": [{"type": name, "status": str(value)} for name, value in conditions.items()],
        "experiment": {"containerRecords": records, "desiredPhase": "Stop" if stop else "Run"},
    }


def run(api, node):
    while True:
        for item in api.experiments():
            meta = item["metadata"]
            if "deletionTimestamp" in meta and FINALIZER not in meta.get("finalizers", []):
                continue
            old = item.get("status", {}).get("experiment", {}).get("containerRecords")
            # The finalizer first: any deletion from now on waits until the fault is reverted.
            if FINALIZER not in meta.get("finalizers", []):
                item = api.patch(item, {"metadata": {"finalizers": [FINALIZER]}})
            before = json.dumps(item.get("status"), sort_keys=True)
            records, stop = advance(api, node, item, old)
            after = status(records, stop)
            if json.dumps(after, sort_keys=True) != before:
                item = api.patch(item, {"status": after})
            if "deletionTimestamp" in item["metadata"]:
                api.patch(item, {"metadata": {"finalizers": []}})
        time.sleep(POLL_S)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["crds", "run"])
    parser.add_argument("--dir")
    parser.add_argument("--netdelay")
    args = parser.parse_args()
    if args.what == "crds":
        json.dump(crds(), sys.stdout)
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    node = Node(args.dir, args.netdelay)
    try:
        run(Mesh(f"{args.dir}/admin.kubeconfig"), node)
    finally:
        for key in list(node.running):
            node.end(key)


main()
