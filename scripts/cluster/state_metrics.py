#!/usr/bin/env python3
"""A stand-in for kube-state-metrics on the node of node.sh: the five families that automap reads.

    state_metrics.py --dir DIR       listens on the node's address, port 18080, until it is killed
"""

import argparse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from api import Api


def owner(item):
    return next((o for o in item["metadata"].get("ownerReferences", []) if o.get("controller")), None)


def exposition(pods, replica_sets):
    lines = []

    def family(name, kind):
        lines.append(f"# TYPE {name} {kind}")

    def sample(name, value, **labels):
        text = ",".join(f'{label}="{of}"' for label, of in labels.items())
        lines.append(f"{name}{{{text}}} {value}")

    def who(pod):
        meta = pod["metadata"]
        return {"namespace": meta["namespace"], "pod": meta["name"], "uid": meta["uid"]}

    family("kube_pod_owner", "gauge")
    for pod in pods:
        by = owner(pod) or {"kind": "", "name": ""}
        sample("kube_pod_owner", 1, **who(pod), owner_kind=by["kind"], owner_name=by["name"], owner_is_controller="true")
    family("kube_replicaset_owner", "gauge")
    for item in replica_sets:
        meta, by = item["metadata"], owner(item) or {"kind": "", "name": ""}
        labels = {"replicaset": meta["name"], "owner_kind": by["kind"], "owner_name": by["name"], "owner_is_controller": "true"}
        sample("kube_replicaset_owner", 1, namespace=meta["namespace"], **labels)
    family("kube_pod_status_phase", "gauge")
    for pod in pods:
        for phase in ("Pending", "Succeeded", "Failed", "Unknown", "Running"):
            sample("kube_pod_status_phase", int(pod["status"].get("phase") == phase), **who(pod), phase=phase)
    family("kube_pod_status_ready", "gauge")
    for pod in pods:
        ready = next((c["status"] for c in pod["status"].get("conditions", []) if c["type"] == "Ready"), "Unknown")
        for condition in ("True", "False", "Unknown"):
            sample("kube_pod_status_ready", int(ready == condition), **who(pod), condition=condition.lower())
    family("kube_pod_container_status_restarts_total", "counter")
    for pod in pods:
        for container in pod["status"].get("containerStatuses", []):
            sample("kube_pod_container_status_restarts_total", container["restartCount"], **who(pod), container=container["name"])
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dir", required=True)
    api = Api(f"{parser.parse_args().dir}/admin.kubeconfig")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            text = exposition(api.send("GET", "/api/v1/pods")["items"], api.send("GET", "/apis/apps/v1/replicasets")["items"])
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            pass

    ThreadingHTTPServer(("10.97.0.1", 18080), Handler).serve_forever()


main()
