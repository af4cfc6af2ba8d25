#!/usr/bin/env bash
# A single-node Kubernetes inside its own network namespace: etcd, containerd, API server, controllers, scheduler, kubelet, proxy.
#
#   node.sh up DIR              some 30 s; then DIR/admin.kubeconfig works inside the namespace
#   node.sh in DIR COMMAND…     runs a command there: `node.sh in DIR kubectl get pods -A`
#   node.sh start DIR NAME COMMAND…   the same in the background, until `down`; its output goes to DIR/log/NAME.log
#   node.sh load DIR FILE…      container images from tar files (image.py makes them)
#   node.sh down DIR            ends everything and removes DIR
#
# Needs root, control groups of version 1 and the programs from `build.sh --all`. Exits with 77 if something is missing. The network
# namespace keeps the pods' addresses and the proxy's packet filter rules separate from this machine's own.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=${AUTOMAP_CLUSTER_DIR:-$HOME/.cache/automap-cluster}
PATH=$PATH:$cache/bin:/usr/sbin:/sbin
namespace=automap-cluster
gateway=10.97.0.1
command=${1:?up, in, start, load or down}
dir=${2:?a directory}
shift 2

inside() { nsenter --net="/run/netns/$namespace" "$@"; }

run() {
  local name=$1
  shift
  setsid nsenter --net="/run/netns/$namespace" "$@" >"$dir/log/$name.log" 2>&1 </dev/null &
  echo $! >"$dir/pid/$name"
}

end() {
  local pid
  [ -f "$dir/pid/$1" ] || return 0
  pid=$(cat "$dir/pid/$1")
  kill "$pid" 2>/dev/null || true
  for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
  kill -9 "$pid" 2>/dev/null || true
  rm -f "$dir/pid/$1"
}

wait_for() {
  local what=$1
  shift
  for _ in $(seq 300); do if "$@" >/dev/null 2>&1; then return; fi; sleep 0.3; done
  echo "error: $what did not come up; its last words are in $dir/log" >&2
  exit 1
}

check() {
  [ "$(id -u)" -eq 0 ] || { echo "a node needs root: containers and network namespaces" >&2; exit 77; }
  for program in etcd containerd runc ctr iptables conntrack ip nsenter openssl kubectl kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy; do
    command -v "$program" >/dev/null || { echo "$program is not installed; scripts/cluster/build.sh --all gets it" >&2; exit 77; }
  done
  [ -d /sys/fs/cgroup/memory ] || { echo "this machine has control groups of version 2 only; this kubelet of 2021 wants version 1" >&2; exit 77; }
}

network() {
  ip netns add "$namespace"
  ip -n "$namespace" link set lo up
  ip -n "$namespace" link add pods type bridge
  ip -n "$namespace" addr add "$gateway/24" dev pods
  ip -n "$namespace" link set pods up
  # Services have no interface: without a route the node's own clients could not even open a connection to one.
  ip -n "$namespace" route add 10.96.0.0/16 dev pods
  inside sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.route_localnet=1
}

configuration() {
  (umask 077
    openssl genrsa -out "$dir/sa.key" 2048 2>/dev/null
    openssl rsa -in "$dir/sa.key" -pubout -out "$dir/sa.pub" 2>/dev/null
    token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    echo "$token,admin,admin,\"system:masters\"" >"$dir/tokens.csv"
    cat >"$dir/admin.kubeconfig" <<YAML
apiVersion: v1
kind: Config
current-context: admin
clusters: [{name: local, cluster: {server: "https://$gateway:16443", insecure-skip-tls-verify: true}}]
users: [{name: admin, user: {token: "$token"}}]
contexts: [{name: admin, context: {cluster: local, user: admin}}]
YAML
  )
  # Some sandboxes lack CAP_SYS_RESOURCE: there, scores of the OOM killer may be raised, but not lowered.
  cat >"$dir/containerd.toml" <<TOML
version = 2
root = "$dir/containerd/root"
state = "$dir/containerd/state"
[grpc]
  address = "$dir/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "automap.local/pause:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$dir/cni"
TOML
  mkdir -p "$dir/cni"
  cat >"$dir/cni/10-pods.conflist" <<JSON
{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "pods", "isGateway": true, "ipMasq": false, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$dir/addresses", "ranges": [[{"subnet": "10.97.0.0/24", "gateway": "$gateway"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
JSON
  echo "nameserver $gateway" >"$dir/resolv.conf"
  cat >"$dir/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $gateway
port: 10250
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
cgroupDriver: cgroupfs
failSwapOn: false
clusterDNS: ["10.96.0.10"]
clusterDomain: cluster.local
evictionHard: {imagefs.available: "1%", nodefs.available: "1%", memory.available: "50Mi"}
imageGCHighThresholdPercent: 100
resolvConf: $dir/resolv.conf
healthzBindAddress: 127.0.0.1
healthzPort: 10248
YAML
}

programs() {
  local config=$dir/admin.kubeconfig
  run etcd etcd --data-dir "$dir/etcd" --listen-client-urls http://127.0.0.1:12379 --advertise-client-urls http://127.0.0.1:12379 \
    --listen-peer-urls http://127.0.0.1:12380 --initial-advertise-peer-urls http://127.0.0.1:12380 --initial-cluster default=http://127.0.0.1:12380
  run containerd containerd -c "$dir/containerd.toml"
  run apiserver kube-apiserver --etcd-servers=http://127.0.0.1:12379 --bind-address="$gateway" --advertise-address="$gateway" --secure-port=16443 \
    --cert-dir="$dir/certs" --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$dir/sa.pub" \
    --service-account-signing-key-file="$dir/sa.key" --service-cluster-ip-range=10.96.0.0/16 --token-auth-file="$dir/tokens.csv" \
    --authorization-mode=Node,RBAC --allow-privileged=true --kubelet-preferred-address-types=InternalIP
  wait_for "the API server" inside kubectl --kubeconfig "$config" get --raw /readyz
  run controllers kube-controller-manager --kubeconfig="$config" --service-account-private-key-file="$dir/sa.key" --root-ca-file="$dir/certs/apiserver.crt" \
    --leader-elect=false --bind-address=127.0.0.1 --port=0 --secure-port=10257
  run scheduler kube-scheduler --kubeconfig="$config" --leader-elect=false --bind-address=127.0.0.1 --port=0 --secure-port=10259
  run kubelet kubelet --config="$dir/kubelet.yaml" --kubeconfig="$config" --container-runtime=remote \
    --container-runtime-endpoint="unix://$dir/containerd.sock" --containerd="$dir/containerd.sock" --root-dir="$dir/kubelet" --hostname-override=node1 \
    --node-ip="$gateway" --cert-dir="$dir/kubelet-certs"
  run proxy kube-proxy --kubeconfig="$config" --hostname-override=node1 --proxy-mode=iptables --bind-address=127.0.0.1 \
    --metrics-bind-address=127.0.0.1:10249 --healthz-bind-address=127.0.0.1:10256 --conntrack-max-per-core=0 --conntrack-min=0
  wait_for "the node" inside kubectl --kubeconfig "$config" wait --for=condition=Ready node/node1 --timeout=1s
}

containers() { ctr -a "$dir/containerd.sock" -n k8s.io "$@"; }

down() {
  [ -d "$dir" ] || return 0
  dir=$(cd "$dir" && pwd)
  for extra in "$dir"/pid/*; do
    case ${extra##*/} in '*' | etcd | containerd | apiserver | controllers | scheduler | kubelet | proxy) ;; *) end "${extra##*/}" ;; esac
  done
  for program in proxy kubelet scheduler controllers apiserver etcd; do end "$program"; done
  for task in $(containers tasks ls -q 2>/dev/null); do containers tasks kill -s SIGKILL "$task" 2>/dev/null || true; done
  sleep 1
  for container in $(containers containers ls -q 2>/dev/null); do
    containers tasks rm -f "$container" >/dev/null 2>&1 || true
    containers containers rm "$container" >/dev/null 2>&1 || true
  done
  end containerd
  awk -v under="$dir/" 'index($2, under) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r -n1 umount -l
  for pods in $(ip netns list | awk '/^cni-/ { print $1 }'); do ip netns del "$pods" 2>/dev/null || true; done
  ip netns del "$namespace" 2>/dev/null || true
  find /sys/fs/cgroup/*/kubepods /sys/fs/cgroup/*/k8s.io -depth -type d -exec rmdir {} \; 2>/dev/null || true
  rm -rf "$dir"
}

case $command in
up)
  check
  [ ! -e "/run/netns/$namespace" ] || { echo "error: there is a node already; \`$0 down DIR\` ends it" >&2; exit 2; }
  mkdir -p "$dir/log" "$dir/pid"
  dir=$(cd "$dir" && pwd)
  trap 'echo "$here/node.sh down $dir removes what is left" >&2' ERR
  network
  configuration
  programs
  ;;
in) KUBECONFIG=$(cd "$dir" && pwd)/admin.kubeconfig inside "$@" ;;
start)
  dir=$(cd "$dir" && pwd)
  export KUBECONFIG=$dir/admin.kubeconfig
  run "$@"
  ;;
load) for image in "$@"; do containers images import "$image" >/dev/null; done ;;
down) down ;;
*)
  echo "up, in, start, load or down; not '$command'" >&2
  exit 2
  ;;
esac
