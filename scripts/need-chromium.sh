#!/usr/bin/env bash
# Makes sure that a Chromium is on the PATH, for the tests of the web interface, from the system's package manager.
set -euo pipefail

find_chromium() { command -v chromium || command -v chromium-browser || command -v google-chrome; }

if find_chromium >/dev/null; then exit 0; fi

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

echo "chromium is not installed; installing it with the system's package manager" >&2
if command -v apt-get >/dev/null; then
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-wqy-microhei >/dev/null
elif command -v brew >/dev/null; then
  brew install --quiet --cask chromium
elif command -v pacman >/dev/null; then
  as_root pacman -S --noconfirm --needed chromium
elif command -v zypper >/dev/null; then
  as_root zypper --non-interactive install chromium
elif command -v apk >/dev/null; then
  as_root apk add chromium
fi
find_chromium >/dev/null || { echo "error: no chromium could be installed; put one on the PATH and run this again" >&2; exit 1; }
