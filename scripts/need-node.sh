#!/usr/bin/env bash
# Makes sure that a `node` new enough to build the web interface is on the PATH, from the system's package manager.
set -euo pipefail

NEEDED="20.19"

# Vite needs 20.19, or 22.12 and newer.
is_new_enough() {
  command -v node >/dev/null && command -v npm >/dev/null || return 1
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit((a === 20 && b >= 19) || (a === 22 && b >= 12) || a > 22 ? 0 : 1)'
}

if is_new_enough; then exit 0; fi

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

echo "node $NEEDED or newer is not installed; installing it with the system's package manager" >&2
if command -v apt-get >/dev/null; then
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null
elif command -v brew >/dev/null; then
  brew install --quiet node
elif command -v pacman >/dev/null; then
  as_root pacman -S --noconfirm --needed nodejs npm
elif command -v zypper >/dev/null; then
  as_root zypper --non-interactive install nodejs npm
elif command -v apk >/dev/null; then
  as_root apk add nodejs npm
fi
if ! is_new_enough; then
  echo "error: the package manager has no node $NEEDED or newer (found: $(node --version 2>/dev/null || echo none))" >&2
  echo "hint: put the 'node' of https://nodejs.org on the PATH and run this again; automap builds without it too, with" >&2
  echo "      'cargo build --release', and then has no page" >&2
  exit 1
fi
