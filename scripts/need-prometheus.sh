#!/usr/bin/env bash
# Makes sure that a `prometheus` binary is on the PATH, from the system's package manager.
set -euo pipefail

if command -v prometheus >/dev/null; then exit 0; fi

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

echo "prometheus is not installed; installing it with the system's package manager" >&2
if command -v apt-get >/dev/null; then
  # A policy that forbids starting services keeps the package from occupying port 9090.
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends prometheus >/dev/null
elif command -v brew >/dev/null; then
  brew install --quiet prometheus
elif command -v pacman >/dev/null; then
  as_root pacman -S --noconfirm --needed prometheus
elif command -v zypper >/dev/null; then
  as_root zypper --non-interactive install golang-github-prometheus-prometheus
elif command -v apk >/dev/null; then
  as_root apk add prometheus
else
  echo "error: no package manager that carries prometheus was found (tried apt-get, brew, pacman, zypper, apk)" >&2
  echo "hint: put the 'prometheus' binary of https://prometheus.io/download on the PATH and run this again," >&2
  echo "      or try 'automap demo', which needs nothing" >&2
  exit 1
fi
command -v prometheus >/dev/null || { echo "error: the package was installed, but no 'prometheus' is on the PATH" >&2; exit 1; }
