#!/usr/bin/env bash
# The bill of materials of the `automap` program as CycloneDX 1.5 JSON, from cargo's own resolution: the linked crates, with versions,
# licences, checksums and dependencies. Nothing is downloaded. scripts/sbom.sh [FILE]; standard output without FILE.
# Same lock file, same bytes: it contains no time and no random number.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_NET_OFFLINE=${CARGO_NET_OFFLINE:-true}
target=${TARGET:-$(rustc -vV | sed -n 's/^host: //p')}
cargo metadata --format-version 1 --locked --filter-platform "$target" | python3 scripts/sbom.py "$target" >"${1:-/dev/stdout}"
