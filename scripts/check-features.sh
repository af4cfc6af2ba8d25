#!/usr/bin/env bash
# Checks that automap compiles without warnings with each of the given sets of features, and with no others.
set -euo pipefail

cargo=${CARGO:-cargo}
for features in "$@"; do
  echo "features: ${features:-none}" >&2
  RUSTFLAGS="-D warnings" "$cargo" check --quiet --locked -p automap --no-default-features --features "$features" --target-dir target/features
done
