#!/usr/bin/env bash
# Tests deploy/kubectl-automap with fake kubectl and automap programs. `SHELLS="dash bash"` selects the shells that run it.
set -uo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
unset AUTOMAP AUTOMAP_WAIT_S
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
cat >"$work/bin/kubectl" <<'K'
#!/bin/sh
echo "kubectl $*" >>"$FAKE/calls"
case " $* " in
  *" get services "*) [ -z "${FAKE_FORBIDDEN:-}" ] || { echo 'Error from server (Forbidden): services is forbidden' >&2; exit 1; }
    cat "$FAKE/services" ;;
  *" port-forward "*) [ -z "${FAKE_BROKEN:-}" ] || { echo 'error: unable to forward port because pod is not running' >&2; exit 1; }
    echo $$ >"$FAKE/forward.pid"
    echo 'Forwarding from 127.0.0.1:41234 -> 9090'
    exec sleep 60 ;;
esac
K
cat >"$work/bin/automap" <<'A'
#!/bin/sh
for word in "$@"; do printf '[%s]' "$word"; done >>"$FAKE/asked"
kill -0 "$(cat "$FAKE/forward.pid")" || echo 'the port is closed already' >>"$FAKE/asked"
[ -z "${FAKE_SLOW:-}" ] || { echo started >"$FAKE/started"; sleep 1; }
exit "${FAKE_STATUS:-0}"
A
chmod +x "$work"/bin/*
passed=0 failed=0
# try NAME EXPECTED-STATUS EXPECTED-IN-OUTPUT ARGUMENTS…
try() {
  name=$1 want=$2 text=$3
  shift 3
  rm -f "$FAKE"/{calls,asked,forward.pid}
  touch "$FAKE/calls" "$FAKE/asked"
  PATH="$work/bin:$PATH" TMPDIR=$FAKE/tmp "$shell" "$here/kubectl-automap" "$@" >"$FAKE/out" 2>&1
  got=$?
  wrong=''
  [ "$got" = "$want" ] || wrong="exit $got, not $want"
  cat "$FAKE/asked" "$FAKE/calls" "$FAKE/out" | grep -qF -- "$text" || wrong="$wrong; no '$text'"
  if [ -f "$FAKE/forward.pid" ] && kill -0 "$(cat "$FAKE/forward.pid")" 2>/dev/null; then wrong="$wrong; the port is still open"; fi
  [ -z "$(ls "$FAKE/tmp")" ] || wrong="$wrong; files are left"
  if [ -z "$wrong" ]; then passed=$((passed + 1)); else
    failed=$((failed + 1))
    echo "FAILED ($shell) $name: $wrong" >&2
    cat "$FAKE/asked" "$FAKE/calls" "$FAKE/out" >&2
  fi
}
for shell in ${SHELLS:-dash bash}; do
  command -v "$shell" >/dev/null || { echo "SKIPPED $shell: not installed"; continue; }
  export FAKE=$work/$shell
  mkdir -p "$FAKE/tmp"
  printf 'default kubernetes 443\nmonitoring prom-kube-prometheus-prometheus 9090 8080\nistio-system prometheus 9090\nx prometheus-node-exporter 9100\n' >"$FAKE/services"
  try 'diagnose by default' 0 '[diagnose][--prometheus][http://127.0.0.1:41234][-n][sock-shop]' -n sock-shop
  try 'the likeliest service' 0 'port-forward --address 127.0.0.1 service/prometheus :9090' -n s
  try 'the others are told' 0 'monitoring/prom-kube-prometheus-prometheus:9090' -n s
  try 'words keep their spaces' 0 '[--header][X-Scope-OrgID: my shop]' diagnose --header 'X-Scope-OrgID: my shop'
  try 'another command' 0 '[graph][--prometheus][http://127.0.0.1:41234][-n][s][--file][a b.svg]' graph -n s --file 'a b.svg'
  try 'context and kubeconfig' 0 'kubectl --context prod --kubeconfig k c.yaml --namespace' diagnose --context prod -n s --kubeconfig='k c.yaml'
  try 'a named service' 0 '--namespace mon port-forward --address 127.0.0.1 service/thanos :10902' --prometheus-service mon/thanos:10902 -n s
  try 'a wrong name' 2 'is not NAMESPACE/NAME' --prometheus-service thanos
  try 'a missing value' 2 '--context needs a value' -n s --context
  FAKE_STATUS=4 try "automap's own exit code" 4 '[diagnose]' -n s
  FAKE_BROKEN=1 try 'a pod that does not run' 3 'pod is not running' -n s
  FAKE_FORBIDDEN=1 try 'no right to list services' 3 'is forbidden' -n s
  AUTOMAP=nowhere try 'no automap' 2 'nowhere is not on the PATH' -n s
  try 'help' 0 'Usage: kubectl automap' --help
  echo 'default kubernetes 443' >"$FAKE/services"
  try 'no Prometheus' 3 'looks like Prometheus' -n s
  # Stopped while automap runs: the port is closed nevertheless.
  echo 'istio-system prometheus 9090' >"$FAKE/services"
  rm -f "$FAKE"/{started,forward.pid}
  PATH="$work/bin:$PATH" TMPDIR=$FAKE/tmp FAKE_SLOW=1 "$shell" "$here/kubectl-automap" -n s >"$FAKE/out" 2>&1 &
  plugin=$!
  for _ in $(seq 100); do [ -f "$FAKE/started" ] && break; sleep 0.1; done
  kill -TERM "$plugin"
  wait "$plugin"
  got=$?
  if [ "$got" = 143 ] && ! kill -0 "$(cat "$FAKE/forward.pid")" 2>/dev/null && [ -z "$(ls "$FAKE/tmp")" ]; then passed=$((passed + 1)); else
    failed=$((failed + 1))
    echo "FAILED ($shell) stopped by a signal: exit $got" >&2
  fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
