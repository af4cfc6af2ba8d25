#!/usr/bin/env python3
"""The lab's Sock Shop as Kubernetes objects, each pod with a real Envoy that counts what Istio's side-cars count.

    automap lab-process plan --base-port 30000 | shop.py >shop.json

Envoy is configured by hand, not by Istio: there is one inbound listener and one for each callee, where Istio has
one listener for everything and a firewall rule that redirects to it. Left out: mutual TLS, bytes of TCP connections, and
`unknown` as the destination of a connection that was refused (here the configuration knows the intended one).
"""

import json
import sys

NAMESPACE = "sock-shop"
METRICS_PORT = 15090
# The caller, as in Istio's peer metadata: here a header that the caller's side-car sets.
CALLER = "x-automap-caller"
BUCKETS_MS = [0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000]
TYPE = "type.googleapis.com/envoy.extensions"


def tags(reporter, source, destination, protocol, more):
    known = {
        "reporter": reporter,
        "source_workload": source,
        "source_workload_namespace": NAMESPACE,
        "source_canonical_service": source,
        "destination_workload": destination,
        "destination_workload_namespace": NAMESPACE,
        "destination_canonical_service": destination,
        "destination_service": f"{destination}.{NAMESPACE}.svc.cluster.local",
        "destination_service_name": destination,
        "destination_service_namespace": NAMESPACE,
        "request_protocol": protocol,
        "response_flags": "%RESPONSE_FLAGS%",
        "connection_security_policy": "none" if reporter == "destination" else "unknown",
        **more,
    }
    return [{"name": name, "value_format": value} for name, value in known.items()]


def stats(counters, histograms=(), only=None):
    log = {
        "name": "envoy.access_loggers.stats",
        "typed_config": {"@type": f"{TYPE}.access_loggers.stats.v3.Config", "stat_prefix": "istio", "counters": counters, "histograms": list(histograms)},
    }
    return log | ({"filter": only} if only else {})


def http_stats(reporter, source, destination):
    labels = tags(reporter, source, destination, "http", {"response_code": "%RESPONSE_CODE%"})

    def histogram(name, unit, value):
        return {"stat": {"name": name, "tags": labels}, "unit": unit, "value_format": value}

    return stats(
        [{"stat": {"name": "requests_total", "tags": labels}, "value_fixed": 1}],
        [
            histogram("request_duration_milliseconds", "Milliseconds", "%DURATION%"),
            histogram("request_bytes", "Bytes", "%BYTES_RECEIVED%"),
            histogram("response_bytes", "Bytes", "%BYTES_SENT%"),
        ],
    )


def tcp_stats(reporter, source, destination):
    labels = tags(reporter, source, destination, "tcp", {})

    def counter(name, only):
        return stats([{"stat": {"name": name, "tags": labels}, "value_fixed": 1}], only=only)

    def types(*names):
        return {"log_type_filter": {"types": list(names)}}

    failed = {"and_filter": {"filters": [types("TcpConnectionEnd"), {"response_flag_filter": {"flags": ["UF", "UH", "URX"]}}]}}
    return [
        counter("tcp_connections_opened_total", {"or_filter": {"filters": [types("TcpUpstreamConnected"), failed]}}),
        counter("tcp_connections_closed_total", types("TcpConnectionEnd")),
    ]


def listener(name, address, port, filter_name, config):
    chain = {"filters": [{"name": filter_name, "typed_config": config}]}
    return {"name": name, "address": socket(address, port), "filter_chains": [chain]}


def socket(address, port):
    return {"socket_address": {"address": address, "port_value": port}}


def http_listener(name, address, port, cluster, log, caller, retries):
    route = {"match": {"prefix": "/"}, "route": {"cluster": cluster, "timeout": "0s"}}
    if retries:
        route["route"]["retry_policy"] = {"retry_on": "connect-failure,refused-stream,unavailable,cancelled", "num_retries": 2}
    hosts = [{"name": "all", "domains": ["*"], "routes": [route]}]
    config = {
        "@type": f"{TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "route_config": {"virtual_hosts": hosts, "request_headers_to_add": [caller]},
        "access_log": [log],
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": f"{TYPE}.filters.http.router.v3.Router"}}],
    }
    return listener(name, address, port, "envoy.filters.network.http_connection_manager", config)


def tcp_listener(name, address, port, cluster, logs):
    config = {
        "@type": f"{TYPE}.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": name,
        "cluster": cluster,
        "access_log": logs,
        "access_log_options": {"flush_access_log_on_connected": True},
        # Pools keep connections forever, and bytes are not counted: calls to a store show only as new connections.
        "max_downstream_connection_duration": "20s",
    }
    return listener(name, address, port, "envoy.filters.network.tcp_proxy", config)


def cluster(name, address, port):
    endpoint = {"endpoint": {"address": socket(address, port)}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "10s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def caller_header(value, action):
    return {"header": {"key": CALLER, "value": value}, "append_action": action}


def envoy(part, plan):
    name = part["name"]
    clusters = [cluster("app", "127.0.0.1", part["app_port"])]
    if part["speaks_http"]:
        unknown = caller_header("unknown", "ADD_IF_ABSENT")
        log = http_stats("destination", f"%REQ({CALLER})%", name)
        listeners = [http_listener("inbound", "0.0.0.0", part["pod_port"], "app", log, unknown, False)]
    else:
        listeners = [tcp_listener("inbound", "0.0.0.0", part["pod_port"], "app", tcp_stats("destination", "unknown", name))]
    for call in part["calls"]:
        callee = plan[call["name"]]
        clusters.append(cluster(call["name"], callee["address"], callee["service_port"]))
        if callee["speaks_http"]:
            log = http_stats("source", name, call["name"])
            me = caller_header(name, "OVERWRITE_IF_EXISTS_OR_ADD")
            listeners.append(http_listener(f"to-{call['name']}", "127.0.0.1", call["port"], call["name"], log, me, True))
        else:
            listeners.append(tcp_listener(f"to-{call['name']}", "127.0.0.1", call["port"], call["name"], tcp_stats("source", name, call["name"])))
    return {
        "admin": {"address": socket("0.0.0.0", METRICS_PORT)},
        "stats_config": {"histogram_bucket_settings": [{"match": {"suffix": "request_duration_milliseconds"}, "buckets": BUCKETS_MS}]},
        "static_resources": {"listeners": listeners, "clusters": clusters},
    }


def metadata(name, **more):
    return {"name": name, "namespace": NAMESPACE, "labels": {"name": name}} | more


def objects(part, plan):
    name = part["name"]
    app = {
        "name": name,
        "image": "automap.local/automap:1",
        "imagePullPolicy": "Never",
        "args": ["lab-process", "app", "--in-pod", "--base-port", str(part["base_port"]), "--name", name, "--seed", "1", "--data-dir", "/data"],
        "resources": {
            "requests": {"cpu": "20m", "memory": "32Mi"},
            "limits": {"cpu": f"{round(part['cpu_limit_cores'] * 1000)}m", "memory": f"{part['memory_limit_mib']}Mi"},
        },
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    proxy = {
        "name": "istio-proxy",
        "image": "automap.local/envoy:1",
        "imagePullPolicy": "Never",
        "args": ["-c", "/etc/envoy/envoy.json", "--concurrency", "1", "--log-level", "warn", "--disable-hot-restart"],
        "ports": [{"name": "http-envoy-prom", "containerPort": METRICS_PORT}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": METRICS_PORT}, "periodSeconds": 5},
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
        "volumeMounts": [{"name": "envoy", "mountPath": "/etc/envoy"}],
    }
    pod = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 1,
        "containers": [app, proxy],
        "volumes": [{"name": "data", "emptyDir": {}}, {"name": "envoy", "configMap": {"name": f"{name}-envoy"}}],
    }
    port = {"name": "http" if part["speaks_http"] else "tcp", "port": part["service_port"], "targetPort": part["pod_port"]}
    service = {"clusterIP": part["address"], "selector": {"name": name}, "ports": [port]}
    if name == "front-end":
        service["type"] = "NodePort"
        port["nodePort"] = part["pod_port"]
    template = {"metadata": {"labels": {"name": name, "app": name, "version": "v1"}}, "spec": pod}
    spec = {"replicas": 1, "selector": {"matchLabels": {"name": name}}, "template": template}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(f"{name}-envoy"), "data": {"envoy.json": json.dumps(envoy(part, plan))}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata(name), "spec": spec},
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata(name), "spec": service},
    ]


def main():
    parts = json.load(sys.stdin)
    base_port = min(part["pod_port"] for part in parts)
    for number, part in enumerate(parts):
        part |= {"address": f"10.96.1.{10 + number}", "base_port": base_port}
    plan = {part["name"]: part for part in parts}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": {"istio-injection": "enabled"}}}
    items = [namespace] + [item for part in parts for item in objects(part, plan)]
    json.dump({"apiVersion": "v1", "kind": "List", "items": items}, sys.stdout)


main()
