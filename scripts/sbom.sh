#!/usr/bin/env bash
# The bill of materials of the `automap` program as CycloneDX 1.5 JSON, from cargo's own resolution: what is linked into it, with versions,
# licences, checksums and who needs what. Nothing is downloaded. scripts/sbom.sh [FILE]; standard output where no file is given.
# Same lock file, same bytes: there is no time and no random number in it.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_NET_OFFLINE=${CARGO_NET_OFFLINE:-true}
target=${TARGET:-$(rustc -vV | sed -n 's/^host: //p')}
cargo metadata --format-version 1 --locked --filter-platform "$target" | python3 scripts/sbom.py "$target" >"${1:-/dev/stdout}"
