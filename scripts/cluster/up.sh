#!/usr/bin/env bash
# The setup that automap is designed for, on one machine: Kubernetes, the Sock Shop with Envoy side-cars, cAdvisor, a Prometheus-compatible
# server, Chaos Mesh (a stand-in), users, and automap installed by its chart with only the chart's rights.
#
#   up.sh DIR        some two minutes; continue with `node.sh in DIR kubectl …` and `node.sh down DIR`
#
# Reads target/release/automap and the programs of `build.sh --all`. RATE: users a second.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${AUTOMAP_CLUSTER_DIR:-$HOME/.cache/automap-cluster}
dir=${1:?a directory}
automap=$root/target/release/automap
helm=$(command -v helm || echo "$root/target/tools/deploy/helm")
# The first of the NodePorts in the shop's plan.
base_port=30000

say() { echo "$*" >&2; }
kubectl() { "$here/node.sh" in "$dir" kubectl "$@"; }
apply() { kubectl apply --filename "${1:--}" >/dev/null; }
image() { python3 "$here/image.py" "automap.local/$1:1" "$dir/images/$1.tar" "${@:2}"; }

say "a node of Kubernetes"
"$here/node.sh" up "$dir"
dir=$(cd "$dir" && pwd)

say "images"
mkdir -p "$dir/images"
image pause '["/bin/pause"]' "$cache/bin/pause:/bin/pause"
image envoy '["/bin/envoy"]' "$cache/bin/envoy:/bin/envoy"
image victoria-metrics '["/bin/victoria-metrics"]' "$(command -v victoria-metrics):/bin/victoria-metrics"
# As in the Dockerfile, but with this machine's C library.
image automap '["/usr/local/bin/automap"]' --env XDG_DATA_HOME=/var/lib --env PATH=/usr/local/bin --dir /var/lib/automap "$automap:/usr/local/bin/automap"
"$here/node.sh" load "$dir" "$dir"/images/*.tar
rm -r "$dir/images"

say "the Sock Shop, Prometheus' stand-in and Chaos Mesh's"
"$automap" lab-process plan --base-port "$base_port" | python3 "$here/shop.py" | apply
apply "$here/monitoring.yaml"
# The configuration that we ship, with two changes: scraped more often, and Envoy's names without the prefix that Istio's build omits.
awk '{ print }
  /metric_relabel_configs:/ && !done {
    print "      - { source_labels: [__name__], regex: \"envoy_(istio_.*)\", target_label: __name__, replacement: \"$1\" }"; done = 1
  }' "$root/deploy/istio/prometheus.yaml" | sed 's/scrape_interval: 15s/scrape_interval: 5s/' >"$dir/prometheus.yaml"
kubectl create configmap prometheus --namespace monitoring --from-file="$dir/prometheus.yaml" --dry-run=client --output yaml | apply
python3 "$here/chaos_mesh.py" crds | apply
"$here/node.sh" start "$dir" state-metrics python3 "$here/state_metrics.py" --dir "$dir"
"$here/node.sh" start "$dir" chaos-mesh python3 "$here/chaos_mesh.py" run --dir "$dir" --netdelay "$cache/bin/netdelay"
kubectl wait --for=condition=Available deployment --all --all-namespaces --timeout=180s >/dev/null
# Outside the mesh and without its rights, like the original's load test. They enter through the front-end's NodePort.
apply <<YAML
apiVersion: v1
kind: Namespace
metadata: { name: loadtest }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: visitors, namespace: loadtest }
spec:
  selector: { matchLabels: { name: visitors } }
  template:
    metadata: { labels: { name: visitors } }
    spec:
      hostNetwork: true
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 1
      containers:
        - name: visitors
          image: automap.local/automap:1
          imagePullPolicy: Never
          args: [lab-process, load, --base-port, "$base_port", --rate, "${RATE:-4}", --seed, "1"]
YAML

say "automap, by its chart"
mkdir -p "$dir/volume" && chmod 777 "$dir/volume"
apply <<YAML
apiVersion: v1
kind: PersistentVolume
metadata: { name: automap }
spec:
  capacity: { storage: 1Gi }
  accessModes: [ReadWriteOnce]
  hostPath: { path: "$dir/volume" }
YAML
"$here/node.sh" in "$dir" "$helm" install automap "$root/deploy/helm/automap" --namespace automap --create-namespace \
  --values "$here/automap.values.yaml" --wait --timeout 3m >"$dir/log/helm.log" 2>&1 || { cat "$dir/log/helm.log" >&2; exit 1; }
say "ready"
