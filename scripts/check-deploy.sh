#!/usr/bin/env bash
# Checks everything under deploy/, and the files at the root that belong to it. Each check prints one line: ok, FAILED, or SKIPPED and why.
# Exits 1 if one failed.
# scripts/need-deploy-tools.sh [load] fetches the tools. STRICT=1 makes a skipped check a failure.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
tools=$PWD/target/tools/deploy
PATH="$PATH:$tools:$tools/venv/bin"
python=$tools/venv/bin/python
[ -x "$python" ] || python=python3
kubernetes=${KUBERNETES_VERSION:-1.33.0}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ok=0 failed=0 skipped=0

# check NAME COMMAND…
check() {
  local name=$1
  shift
  if "$@" >"$work/out" 2>&1; then
    ok=$((ok + 1))
    echo "ok       $name"
  else
    failed=$((failed + 1))
    echo "FAILED   $name"
    tail -n 20 "$work/out" | sed 's/^/         | /'
  fi
}
# refuses NAME COMMAND…: the command must fail.
refuses() {
  local name=$1
  shift
  if "$@" >"$work/out" 2>&1; then
    failed=$((failed + 1))
    echo "FAILED   $name: it was accepted"
  else
    ok=$((ok + 1))
    echo "ok       $name"
  fi
}
skip() {
  skipped=$((skipped + 1))
  echo "SKIPPED  $1: $2"
}
# needs TOOL CHECKS: whether the tool is installed; otherwise prints which checks are skipped.
needs() {
  command -v "$1" >/dev/null && return
  skip "$2" "no $1; see scripts/need-deploy-tools.sh"
  return 1
}

yaml=(deploy/prometheus deploy/changes deploy/alertmanager deploy/grafana deploy/sock-shop deploy/istio deploy/chaos-mesh deploy/helm/automap/Chart.yaml
  deploy/helm/automap/values.yaml deploy/helm/automap/ci)
style='{extends: default, rules: {document-start: disable, line-length: {max: 160}, comments: disable, comments-indentation: disable, braces: {max-spaces-inside: 1}, indentation: {indent-sequences: whatever}, truthy: {check-keys: false}}}'
if needs yamllint 'YAML'; then check 'yamllint' yamllint --strict -d "$style" "${yaml[@]}"; fi

if needs promtool 'rules and scrape configuration of Prometheus'; then
  check 'promtool: rules' promtool check rules deploy/prometheus/automap.rules.yaml deploy/prometheus/history.rules.yaml deploy/prometheus/fleet.rules.yaml
  check 'promtool: unit tests of the rules' promtool test rules deploy/prometheus/automap.rules.test.yaml deploy/prometheus/history.rules.test.yaml deploy/prometheus/fleet.rules.test.yaml
  # A rule without its threshold must fail its test.
  mkdir "$work/rules"
  sed 's/automap_last_success_timestamp_seconds > 300/automap_last_success_timestamp_seconds > 30000/' deploy/prometheus/automap.rules.yaml >"$work/rules/automap.rules.yaml"
  cp deploy/prometheus/automap.rules.test.yaml "$work/rules"
  refuses 'promtool: the tests notice a broken rule' promtool test rules "$work/rules/automap.rules.test.yaml"
  check 'promtool: configuration of the second Prometheus' promtool check config --syntax-only deploy/prometheus/history.yaml
  check 'promtool: alert relabelling' promtool check config --syntax-only deploy/alertmanager/alert_relabel.yaml
  if promtool check config --syntax-only deploy/istio/prometheus.yaml >"$work/out" 2>&1; then
    check 'promtool: scrape configuration' true
  elif grep -q 'kubernetes_sd_configs not found' "$work/out"; then
    # Debian builds Prometheus without Kubernetes; in that case everything but that one key is checked.
    sed 's/kubernetes_sd_configs: \[{ role: [a-z]* }\]/static_configs: [{ targets: ["a:1"] }]/' deploy/istio/prometheus.yaml >"$work/prometheus.yaml"
    check 'promtool: scrape configuration' promtool check config --syntax-only "$work/prometheus.yaml"
    skip 'promtool: kubernetes_sd_configs' 'this promtool was built without it'
  else
    check 'promtool: scrape configuration' promtool check config --syntax-only deploy/istio/prometheus.yaml
  fi
fi

routes() { # ALERT RECEIVERS
  local to
  # shellcheck disable=SC2086 # an alert is several words
  to=$(amtool config routes test --config.file=deploy/alertmanager/alertmanager.yaml $1 2>/dev/null)
  [ "$to" = "$2" ] || { echo "$1 goes to '$to', not to '$2'"; return 1; }
}
if needs amtool 'configuration of Alertmanager'; then
  check 'amtool: configuration' amtool check-config deploy/alertmanager/alertmanager.yaml
  check 'amtool: an alert goes to automap and to people' routes 'alertname=HighLatency service=front-end' automap,people
  check 'amtool: an incident goes to people' routes 'alertname=AutomapIncident rca_rank=1' people
  check 'amtool: one without a cause too' routes 'alertname=AutomapIncident' people
  check 'amtool: its second candidate does not' routes 'alertname=AutomapIncident rca_rank=2' nobody
  check 'amtool: a victim does not' routes 'alertname=AutomapVictim service=front-end' nobody
  check "amtool: automap's own trouble goes to people only" routes 'alertname=AutomapDown' people
fi
alertmanager=$(command -v prometheus-alertmanager || command -v alertmanager || true)
if [ -n "$alertmanager" ]; then
  check 'alertmanager: victims are held back, the cause is not' deploy/check/inhibition.sh "$alertmanager"
else
  skip 'alertmanager: victims are held back' 'no alertmanager; see scripts/need-alertmanager.sh'
fi

openapi=docs/openapi.json
if [ -f "$openapi" ]; then
  check 'dashboard: panels, variables, columns of the API' "$python" deploy/check/dashboard.py deploy/grafana/automap.json "$work/dashboard.rules" "$openapi"
  paths() {
    local path missing=0
    while read -r path; do
      grep -qE "\"$path(/\{[a-z]+\})?\":" "$openapi" || { echo "the API has no $path"; missing=1; }
    done < <(grep -rhoE '/api/v1/[a-z/]*[a-z]' deploy --include=*.yaml --include=*.json --include=*.md --include=*.txt --exclude=*.test.yaml | sort -u)
    return "$missing"
  }
  check 'paths of the API that deploy/ names' paths
  metrics() {
    local metric missing=0
    while read -r metric; do
      grep -rqE "\"$metric(_total)?\"" crates/automap-server/src/api || { echo "automap has no metric $metric"; missing=1; }
    done < <(grep -rhoE 'automap_[a-z_]+' deploy/prometheus/automap.rules.yaml deploy/grafana/automap.json | sed -E 's/_(total|bucket|sum|count)$//' | sort -u)
    return "$missing"
  }
  check 'metrics of automap that deploy/ names' metrics
else
  check 'dashboard: panels, variables' "$python" deploy/check/dashboard.py deploy/grafana/automap.json "$work/dashboard.rules"
  skip 'paths, columns and metrics against the API' "no $openapi"
fi
if [ -f "$work/dashboard.rules" ] && command -v promtool >/dev/null; then check 'dashboard: queries parse' promtool check rules "$work/dashboard.rules"; fi
skip 'dashboard in Grafana' 'there is no Grafana to run here; look at it'

# Kubernetes' own schemas have no custom resources: those warnings are not failures, manifests.py checks them.
schemas() { kubernetes-validate --strict --no-warn -k "$kubernetes" "$1"; }
validated() { # NAME FILE
  if command -v kubernetes-validate >/dev/null; then check "$1: schemas of Kubernetes $kubernetes" schemas "$2"; else skip "$1: schemas" 'no kubernetes-validate'; fi
}
have_python=1
"$python" -c 'import yaml, jsonschema' 2>/dev/null || { have_python=0; skip 'do names meet (manifests.py)' 'no PyYAML and jsonschema for Python'; }
meets() { if [ "$have_python" = 1 ]; then check "$1" "$python" deploy/check/manifests.py "$2" "$3"; fi; }

if needs helm 'the Helm chart'; then
  chart=deploy/helm/automap
  for values in "$chart"/ci/*.yaml; do
    name="chart, $(basename "$values" .yaml)"
    check "$name: lint" helm lint --strict "$chart" -f "$values"
    if helm template rel "$chart" -n ops -f "$values" >"$work/chart.yaml" 2>"$work/err"; then
      validated "$name" "$work/chart.yaml"
      meets "$name: names meet, pods are restricted, rights are few" chart "$work/chart.yaml"
      if [ "$have_python" = 1 ]; then
        "$python" - "$work/chart.yaml" >"$work/automap.yaml" <<'P'
import sys, yaml
print(next(d["data"]["automap.yaml"] for d in yaml.safe_load_all(open(sys.argv[1])) if d and "automap.yaml" in d.get("data", {})))
P
        if [ -n "${AUTOMAP:-}" ]; then check "$name: automap reads the configuration" "$AUTOMAP" config check "$work/automap.yaml"; fi
      fi
    else
      check "$name: template" cat "$work/err" -
    fi
  done
  [ -n "${AUTOMAP:-}" ] || skip 'chart: automap reads the configuration' 'AUTOMAP is not set to the program'
  refuses 'chart: a wrong key' helm template rel "$chart" -f "$chart/ci/minimal.yaml" --set persistance.enabled=false
  refuses 'chart: a wrong role' helm template rel "$chart" -f "$chart/ci/minimal.yaml" --set 'auth.tokens[0].role=king'
  refuses 'chart: nothing to watch' helm template rel "$chart"
  refuses 'chart: a target without an address' helm template rel "$chart" --set target.namespace=shop
  check 'chart: package' helm package "$chart" -d "$work"
  skip 'chart: install and helm test' 'there is no cluster here'
fi

if needs kubectl 'Sock Shop, Istio, Chaos Mesh'; then
  for overlay in sock-shop istio; do
    if kubectl kustomize "deploy/$overlay" >"$work/$overlay.yaml" 2>"$work/err"; then
      validated "$overlay" "$work/$overlay.yaml"
      meets "$overlay: services, policies and the calls of the shop meet" shop "$work/$overlay.yaml"
    else
      check "$overlay: kustomize" cat "$work/err" -
    fi
  done
  [ ! -s "$work/sock-shop.yaml" ] || meets 'chaos-mesh: experiments and the shop meet' chaos "$work/sock-shop.yaml"
fi
for file in deploy/chaos-mesh/viewer.yaml deploy/chaos-mesh/operator.yaml; do validated "$file" "$file"; done

if needs shellcheck 'shell scripts'; then
  check 'shellcheck' shellcheck deploy/kubectl-automap deploy/check/*.sh scripts/check-deploy.sh scripts/check-pins.sh scripts/need-deploy-tools.sh scripts/sbom.sh scripts/cluster/*.sh
fi
check 'kubectl-automap with a kubectl of our own' deploy/check/kubectl_automap.sh
check 'actions and images are pinned, or named as not' scripts/check-pins.sh
scripts/check-pins.sh | sed -n 's/^unpinned /         /p'

api='every manifest before a real API server'
cluster_bin=${AUTOMAP_CLUSTER_DIR:-$HOME/.cache/automap-cluster}/bin
if ! command -v etcd >/dev/null || ! PATH=$PATH:$cluster_bin command -v kube-apiserver >/dev/null; then
  skip "$api" 'no etcd or no kube-apiserver; see scripts/cluster/build.sh'
elif needs kubectl "$api"; then check "$api" scripts/cluster/check-manifests.sh; fi

check 'JMeter plan: XML' python3 -c 'import xml.dom.minidom as m; m.parse("deploy/load/sock-shop.jmx")'
if needs k6 'k6: visits of a stub'; then check 'k6: visits of a stub' deploy/check/load.sh k6 k6; fi
if command -v jmeter >/dev/null; then
  check 'JMeter: visits of a stub' deploy/check/load.sh jmeter jmeter
elif [ -f "$tools/jmeter/bin/ApacheJMeter-5.5.jar" ] && command -v java >/dev/null; then
  check 'JMeter: visits of a stub' deploy/check/load.sh jmeter java "-Djmeter.home=$tools/jmeter" -jar "$tools/jmeter/bin/ApacheJMeter-5.5.jar"
else
  skip 'JMeter: visits of a stub' 'no jmeter; see scripts/need-deploy-tools.sh load'
fi

sbom() {
  scripts/sbom.sh "$work/sbom.json" && scripts/sbom.sh "$work/again.json" && cmp "$work/sbom.json" "$work/again.json" || return
  "$python" - "$work/sbom.json" <<'P'
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
error = JsonStrictValidator(SchemaVersion.V1_5).validate_str(open(sys.argv[1]).read())
sys.exit(str(error) if error else 0)
P
}
if ! command -v cargo >/dev/null; then skip 'bill of materials' 'no cargo'
elif ! "$python" -c 'import cyclonedx.validation.json, jsonschema' 2>/dev/null; then skip 'bill of materials' "no schema of CycloneDX; see scripts/need-deploy-tools.sh"
else check 'bill of materials: CycloneDX 1.5, twice the same' sbom; fi
if docker info >/dev/null 2>&1; then check 'image' make image; else skip 'image' 'no engine that builds images answers'; fi

echo "$ok passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && { [ -z "${STRICT:-}" ] || [ "$skipped" = 0 ]; }
