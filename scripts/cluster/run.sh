#!/usr/bin/env bash
# `make cluster`: the whole setup starts on this machine, faults are injected by Chaos Mesh objects, and automap diagnoses them from inside.
#
#   run.sh [EXPERIMENT.yaml…]      without arguments: the eight of the scorecard in docs/cluster.md, some 50 minutes
#
# The output ends with that scorecard. KEEP=yes leaves everything running. SETTLE, NORMAL and FAULT are the drill's times, QUIET the number
# of stretches without a fault. Other load on this machine disturbs the shop: two cores are just enough.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
dir=${DIR:-/tmp/automap-cluster}
shop=sock-shop
prometheus=http://10.96.1.90:9090
suite=$root/deploy/chaos-mesh/experiments
[ $# -gt 0 ] || set -- "$suite"/{pod-kill-shipping,cpu-catalogue,memory-carts,network-delay-payment,container-kill-orders,network-loss-catalogue,cpu-orders,network-delay-user}.yaml

say() { printf '\n── %s\n' "$*" >&2; }
kubectl() { "$here/node.sh" in "$dir" kubectl "$@"; }
# In the pod, as the chart's service account.
within() { kubectl exec automap-0 --namespace automap -- automap "$@"; }

trap '[ "${KEEP:-}" = yes ] || "$here/node.sh" down "$dir"' EXIT
"$here/node.sh" down "$dir"
"$here/up.sh" "$dir"

say "what the pod may do, and what it sees"
kubectl auth can-i --list --namespace "$shop" --as system:serviceaccount:automap:automap | grep -E 'chaos|pods|Resources'
# The ledger: the true targets, even after an experiment is deleted.
"$here/node.sh" start "$dir" ledger kubectl exec automap-0 --namespace automap -- automap chaos record --ledger /var/lib/automap/chaos.jsonl

# Faults are injected by another account, with other rights.
kubectl apply --filename "$root/deploy/chaos-mesh/operator.yaml" >/dev/null
token=$(kubectl create token automap-chaos-operator --namespace automap --duration 12h)
(umask 077 && sed "s/token: \".*\"/token: \"$token\"/" "$dir/admin.kubeconfig" >"$dir/operator.kubeconfig")

say "normal time"
# A minute until everything is scraped, and three of normal time: the minimum for a judgement.
for _ in $(seq 60); do
  if within discover --prometheus "$prometheus" --namespace "$shop" --since 3m >"$dir/discover.txt" 2>/dev/null; then break; fi
  sleep 5
done
sleep 180
within discover --prometheus "$prometheus" --namespace "$shop" --since 3m | sed -n '/absent/!p'
within doctor --prometheus "$prometheus" --namespace "$shop" --since 3m --kubernetes | sed '/^SERVICE/,$d' || true

say "the drills"
rc=0
"$here/node.sh" in "$dir" "$root/target/release/automap" drill "$@" --quiet-stretches "${QUIET:-2}" --kubeconfig "$dir/operator.kubeconfig" --chaos-namespace "$shop" \
  --prometheus "$prometheus" --namespace "$shop" --settle "${SETTLE:-60s}" --normal "${NORMAL:-2m}" --fault "${FAULT:-90s}" -o markdown || rc=$?

say "what the ledger holds"
within chaos list --ledger /var/lib/automap/chaos.jsonl
say "what the pod says afterwards, from its ledger and its own rights"
within chaos score --ledger /var/lib/automap/chaos.jsonl --prometheus "$prometheus" --namespace "$shop" --settle "${SETTLE:-60s}" \
  -o markdown || rc=$?
say "what it said while it happened"
within incidents list
exit $rc
