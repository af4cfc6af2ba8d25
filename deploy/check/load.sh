#!/usr/bin/env bash
# Runs a load script against the stub for a few seconds: load.sh k6|jmeter PROGRAM…
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
kind=$1
shift
work=$(mktemp -d)
python3 "$here"/check/front_end_stub.py >"$work/stub" &
stub=$!
trap 'kill "$stub" 2>/dev/null || true; rm -rf "$work"' EXIT
for _ in $(seq 50); do [ -s "$work/stub" ] && break; sleep 0.1; done
port=$(head -1 "$work/stub")
case $kind in
  k6)
    "$@" run --quiet --no-usage-report -e HOST=127.0.0.1 -e PORT="$port" -e VUS=2 -e DURATION=3s -e THINK=0.05 "$here"/load/sock-shop.js \
      >"$work/out" 2>&1 || { cat "$work/out" >&2; exit 1; } ;;
  jmeter)
    "$@" -n -t "$here"/load/sock-shop.jmx -l "$work/visits.jtl" -j "$work/jmeter.log" -Jhost=127.0.0.1 -Jport="$port" -Jthreads=2 -Jrampup=0 \
      -Jduration=4 -Jthink=20 >"$work/out" 2>&1 || { cat "$work/out" >&2; exit 1; } ;;
esac
kill "$stub"
wait "$stub" || true
# Each step of a visit must occur, with the status that means success.
python3 - "$work/stub" <<'P'
import json, sys
lines = open(sys.argv[1]).read().splitlines()
asked = json.loads(lines[-1])
steps = ["GET / 200", "GET /catalogue 200", "GET /login 200", "GET /category.html 200", "GET /detail.html 200", "DELETE /cart 202",
         "POST /cart 201", "GET /basket.html 200", "POST /orders 201"]
missing = [s for s in steps if not asked.get(s)]
wrong = {k: n for k, n in asked.items() if k not in steps}
if missing or wrong:
    sys.exit(f"the stub was not asked {missing}, and answered {wrong} instead")
print(f"{asked['POST /orders 201']} orders in {sum(asked.values())} requests")
P
