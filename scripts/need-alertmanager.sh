#!/usr/bin/env bash
# Makes sure that an Alertmanager is on the PATH, from the system's package manager.
set -euo pipefail

found() { command -v alertmanager >/dev/null || command -v prometheus-alertmanager >/dev/null; }
if found; then exit 0; fi

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

echo "alertmanager is not installed; installing it with the system's package manager" >&2
if command -v apt-get >/dev/null; then
  # A policy that forbids starting services keeps the package from occupying port 9093.
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends prometheus-alertmanager >/dev/null
elif command -v brew >/dev/null; then
  brew install --quiet alertmanager
elif command -v pacman >/dev/null; then
  as_root pacman -S --noconfirm --needed alertmanager
elif command -v zypper >/dev/null; then
  as_root zypper --non-interactive install golang-github-prometheus-alertmanager
elif command -v apk >/dev/null; then
  as_root apk add alertmanager
else
  echo "error: no package manager that carries alertmanager was found (tried apt-get, brew, pacman, zypper, apk)" >&2
  echo "hint: put the 'alertmanager' binary of https://prometheus.io/download on the PATH and run this again;" >&2
  echo "      without it the tests against a real one say that they were skipped" >&2
  exit 1
fi
found || { echo "error: the package was installed, but no 'alertmanager' is on the PATH" >&2; exit 1; }
