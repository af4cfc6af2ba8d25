#!/usr/bin/env bash
# A real Kubernetes API server with etcd, and nothing else: enough for readers, rights and custom resources.
#
#   apiserver.sh start DIR PORT    listens on 127.0.0.1:PORT; writes DIR/{admin,viewer,nobody}.kubeconfig
#   apiserver.sh crash DIR         kill -9 for the API server; etcd and its data stay
#   apiserver.sh resume DIR        starts the API server again
#   apiserver.sh stop DIR          ends both and removes DIR
#
# `viewer` and `nobody` are plain users without any rights: grant them some. Exits with 77 if the programs are not installed: etcd on the
# PATH, and kube-apiserver there or in $AUTOMAP_CLUSTER_DIR/bin (see build.sh).
set -euo pipefail

cache=${AUTOMAP_CLUSTER_DIR:-$HOME/.cache/automap-cluster}
PATH=$PATH:$cache/bin
command=${1:?start, crash, resume or stop}
dir=${2:?a directory}

need() {
  command -v "$1" >/dev/null || { echo "$1 is not installed; scripts/cluster/build.sh gets it" >&2; exit 77; }
}

run() {
  local name=$1
  shift
  setsid "$@" >"$dir/$name.log" 2>&1 </dev/null &
  echo $! >"$dir/$name.pid"
}

end() {
  local pid
  [ -f "$dir/$1.pid" ] || return 0
  pid=$(cat "$dir/$1.pid")
  kill "-${2:-TERM}" "$pid" 2>/dev/null || true
  for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
  rm -f "$dir/$1.pid"
}

api() {
  local port
  port=$(cat "$dir/port")
  run apiserver kube-apiserver --etcd-servers="http://127.0.0.1:$((port + 1))" --bind-address=127.0.0.1 --secure-port="$port" \
    --cert-dir="$dir/certs" --token-auth-file="$dir/tokens.csv" --authorization-mode=RBAC --service-cluster-ip-range=10.96.0.0/16 \
    --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$dir/sa.key" \
    --service-account-signing-key-file="$dir/sa.key" --disable-admission-plugins=ServiceAccount
  for _ in $(seq 300); do
    if curl -sk --max-time 2 -H "Authorization: Bearer $(cut -d, -f1 "$dir/tokens.csv" | head -n 1)" "https://127.0.0.1:$port/readyz" | grep -qx ok; then return; fi
    kill -0 "$(cat "$dir/apiserver.pid")" 2>/dev/null || break
    sleep 0.1
  done
  echo "the API server did not get ready:" >&2
  tail -n 5 "$dir/apiserver.log" >&2
  exit 1
}

case $command in
start)
  port=${3:?a port; the next two are taken too}
  need etcd
  need kube-apiserver
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  echo "$port" >"$dir/port"
  (umask 077 && openssl genrsa -out "$dir/sa.key" 2048 2>/dev/null)
  # Valid for this server only, which is removed with its directory.
  for user in admin viewer nobody; do
    token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    group=; [ "$user" = admin ] && group=',"system:masters"'
    (umask 077 && echo "$token,$user,$user$group" >>"$dir/tokens.csv")
    (umask 077 && cat >"$dir/$user.kubeconfig" <<YAML
apiVersion: v1
kind: Config
current-context: $user
clusters: [{name: local, cluster: {server: "https://127.0.0.1:$port", insecure-skip-tls-verify: true}}]
users: [{name: $user, user: {token: "$token"}}]
contexts: [{name: $user, context: {cluster: local, user: $user, namespace: default}}]
YAML
    )
  done
  run etcd etcd --data-dir "$dir/etcd" --listen-client-urls "http://127.0.0.1:$((port + 1))" --advertise-client-urls "http://127.0.0.1:$((port + 1))" \
    --listen-peer-urls "http://127.0.0.1:$((port + 2))" --initial-advertise-peer-urls "http://127.0.0.1:$((port + 2))" \
    --initial-cluster "default=http://127.0.0.1:$((port + 2))"
  api
  ;;
crash) end apiserver KILL ;;
resume) api ;;
stop)
  end apiserver KILL
  end etcd
  rm -rf "$dir"
  ;;
*)
  echo "start, crash, resume or stop; not '$command'" >&2
  exit 2
  ;;
esac
