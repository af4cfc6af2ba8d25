#!/usr/bin/env bash
# Makes sure that a PostgreSQL server is installed, from the system's package manager. The tests start their own.
set -euo pipefail

found() { command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; }
if found; then exit 0; fi

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

echo "postgresql is not installed; installing it with the system's package manager" >&2
if command -v apt-get >/dev/null; then
  # A policy that forbids starting services keeps the package from occupying port 5432.
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends postgresql >/dev/null
elif command -v brew >/dev/null; then
  brew install --quiet postgresql
elif command -v pacman >/dev/null; then
  as_root pacman -S --noconfirm --needed postgresql
elif command -v zypper >/dev/null; then
  as_root zypper --non-interactive install postgresql-server
elif command -v apk >/dev/null; then
  as_root apk add postgresql
else
  echo "error: no package manager that carries postgresql was found (tried apt-get, brew, pacman, zypper, apk)" >&2
  echo "hint: install a PostgreSQL server and run this again; without it the tests against one say that they were skipped" >&2
  exit 1
fi
found || { echo "error: the package was installed, but no 'initdb' was found" >&2; exit 1; }
