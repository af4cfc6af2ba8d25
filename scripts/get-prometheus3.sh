#!/usr/bin/env bash
# usage: scripts/get-prometheus3.sh DIR
# Puts a Prometheus of version 3 into DIR from Debian's unstable distribution, and prints its path. Nothing is installed, and the system's
# package sources are not changed. Used by the tests of native histograms and of names with dots:
#   make test-prometheus3
set -euo pipefail

dir=${1:?usage: scripts/get-prometheus3.sh DIR}
program=$dir/root/usr/bin/prometheus
if [ ! -x "$program" ]; then
  command -v apt-get >/dev/null || { echo "error: apt-get is not here; put the binary of https://prometheus.io/download into PROMETHEUS_3" >&2; exit 1; }
  mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
  dir=$(realpath "$dir")
  program=$dir/root/usr/bin/prometheus
  # The mirror that this machine already uses.
  site=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -m1 '/debian/*$')
  key=/usr/share/keyrings/debian-archive-keyring.gpg
  echo "deb [signed-by=$key] $site sid main" >"$dir/sources.list"
  apt() { apt-get -qq -o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$dir/lists" -o Dir::Cache="$dir/cache" "$@"; }
  apt update >&2
  (cd "$dir" && apt download prometheus >&2 && dpkg-deb -x prometheus_*.deb root)
fi
"$program" --version | grep -q 'version 3' || { echo "error: $program is no version 3" >&2; exit 1; }
realpath "$program"
