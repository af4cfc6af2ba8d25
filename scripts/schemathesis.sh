#!/usr/bin/env bash
# Checks the HTTP interface against its own OpenAPI document with schemathesis, installed into target/tools.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=target/tools/schemathesis
if ! [ -x "$venv/bin/schemathesis" ]; then
  echo "schemathesis is not installed; fetching it into $venv" >&2
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet schemathesis==4.32.5
fi
AUTOMAP_SCHEMATHESIS="$PWD/$venv/bin/schemathesis" \
  exec cargo test --locked -p automap-server --test api -- --ignored --nocapture the_api_behaves_as_its_document_states
