#!/usr/bin/env bash
# usage: scripts/get-victoriametrics.sh DIR
# Puts VictoriaMetrics into DIR from Debian's package, and prints its path. Nothing is installed. `make scale` uses it.
set -euo pipefail

dir=${1:?usage: scripts/get-victoriametrics.sh DIR}
program=$dir/root/usr/bin/victoria-metrics
if [ ! -x "$program" ]; then
  command -v apt-get >/dev/null || { echo "error: apt-get is not here; put the path of a victoria-metrics binary into VICTORIA_METRICS" >&2; exit 1; }
  mkdir -p "$dir"
  (cd "$dir" && apt-get download -q victoria-metrics >&2 && dpkg-deb -x victoria-metrics_*.deb root)
fi
realpath "$program"
