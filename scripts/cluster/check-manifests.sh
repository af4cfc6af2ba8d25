#!/usr/bin/env bash
# Submits every manifest of deploy/ to a real API server, as a dry run: its types, its defaults, its admission; experiments against the
# kinds of chaos_mesh.py. Exits with 77 if etcd or kube-apiserver is not installed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
helm=$(command -v helm || echo "$root/target/tools/deploy/helm")
dir=$(mktemp -d)
# Passes on the exit code of apiserver.sh, including 77.
"$here/apiserver.sh" start "$dir/server" "${PORT:-23500}"
trap '"$here/apiserver.sh" stop "$dir/server"; rm -rf "$dir"' EXIT
export KUBECONFIG=$dir/server/admin.kubeconfig
failed=0
accepts() {
  local what=$1
  shift
  if kubectl apply --dry-run=server "$@" >"$dir/told" 2>&1; then
    echo "$(wc -l <"$dir/told") objects of $what"
  else
    echo "refused: $what" >&2
    grep -v 'dry run' "$dir/told" >&2
    failed=1
  fi
}

python3 "$here/chaos_mesh.py" crds | kubectl apply --filename - >/dev/null
kubectl wait --for=condition=Established crd --all --timeout=60s >/dev/null
for namespace in sock-shop chaos-mesh automap bank; do kubectl create namespace "$namespace" >/dev/null; done

accepts deploy/sock-shop --kustomize "$root/deploy/sock-shop"
for what in viewer.yaml operator.yaml experiments; do accepts "deploy/chaos-mesh/$what" --filename "$root/deploy/chaos-mesh/$what"; done
# A check that accepts everything would be useless.
if sed 's/action: delay/action: delai/' "$root/deploy/chaos-mesh/experiments/network-delay-user.yaml" | kubectl apply --dry-run=server --filename - >/dev/null 2>&1; then
  echo "an unknown action was taken" >&2
  failed=1
fi
kubectl config set-context --current --namespace automap >/dev/null
for values in "$root"/deploy/helm/automap/ci/*.yaml; do
  "$helm" template automap "$root/deploy/helm/automap" --namespace automap --values "$values" --kube-version 1.20.2 >"$dir/chart.yaml" 2>"$dir/told" || cat "$dir/told" >&2
  # Kinds of the Prometheus operator and of the Gateway API are not installed here.
  awk -v RS='---\n' '!/apiVersion: (monitoring.coreos.com|gateway.networking.k8s.io)/ { printf "---\n%s", $0 }' "$dir/chart.yaml" >"$dir/known.yaml"
  accepts "the chart with ${values##*/}" --filename "$dir/known.yaml"
done
exit $failed
