#!/usr/bin/env bash
# A real Alertmanager with deploy/alertmanager/alertmanager.yaml: while AutomapVictim names front-end, its alert is inhibited, and payment's
# fires.
#   inhibition.sh ALERTMANAGER
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
port=${PORT:-19393}
am=''
trap '[ -z "$am" ] || kill "$am" 2>/dev/null || true; [ -z "$am" ] || wait "$am" 2>/dev/null || true; rm -rf "$work"' EXIT
"$1" --config.file="$here/alertmanager/alertmanager.yaml" --storage.path="$work/data" --web.listen-address="127.0.0.1:$port" \
  --cluster.listen-address= >"$work/log" 2>&1 &
am=$!
python3 - "http://127.0.0.1:$port" <<'P' || { tail -5 "$work/log" >&2; exit 1; }
import json, sys, time, urllib.error, urllib.request
url = sys.argv[1] + "/api/v2/"
def ask(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        text = answer.read()
        return json.loads(text) if text else None
for _ in range(100):
    try:
        ask("status")
        break
    except (urllib.error.URLError, ConnectionError):
        time.sleep(0.1)
label = lambda **labels: {"labels": labels}
ask("alerts", [
    label(alertname="AutomapIncident", incident="i1", target="shop", severity="critical", rca_service="payment", rca_rank="1"),
    label(alertname="AutomapVictim", incident="i1", target="shop", severity="info", service="front-end", rca_victim_of="payment"),
    label(alertname="HighLatency", service="front-end"), label(alertname="HighLatency", service="payment"), label(alertname="DiskFull")])
want = {("HighLatency", "front-end"): True, ("HighLatency", "payment"): False, ("DiskFull", None): False,
        ("AutomapVictim", "front-end"): False, ("AutomapIncident", None): False}
for _ in range(100):
    got = {(a["labels"]["alertname"], a["labels"].get("service")): bool(a["status"]["inhibitedBy"]) for a in ask("alerts")}
    if got == want:
        print("front-end is held back, payment is not")
        sys.exit()
    time.sleep(0.2)
sys.exit(f"held back: {got}; expected: {want}")
P
