#!/usr/bin/env bash
# Builds the Python package, installs it into a fresh environment, and tests it there: first alone, since it has no dependencies, then
# beside the libraries that it works with.
#
# With --module, the compiled part is built like the Rust tests, reusing their build, and copied into the environment; without, maturin
# builds a wheel, for which the crates are compiled once more. Further arguments are pytest's.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
cargo=${CARGO:-cargo}
out=$PWD/target/python
fresh=$out/fresh
mkdir -p "$out"
rm -rf "$fresh"
"$python" -m venv "$fresh"

if [ "${1-}" = --module ]; then
  shift
  # The variable prevents linking with a Python: the interpreter that loads the module has the symbols.
  PYO3_BUILD_EXTENSION_MODULE=1 "$cargo" build --quiet --workspace --all-features --locked --lib --bin automap --test tidy
  site=$("$fresh/bin/python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
  cp -r crates/automap-python/python/automap "$site/"
  for library in target/debug/libautomap_python.{so,dylib}; do
    if [ -e "$library" ]; then cp "$library" "$site/automap/_automap.abi3.so"; fi
  done
else
  tools=$out/tools
  if ! [ -x "$tools/bin/maturin" ]; then
    "$python" -m venv "$tools"
    "$tools/bin/pip" install --quiet 'maturin>=1.9.4,<2'
  fi
  rm -rf "$out/wheels"
  # A wheel for this machine: compatibility is checked only for wheels that are shipped.
  "$tools/bin/maturin" build --quiet --profile "${PROFILE:-dev}" --auditwheel skip --manifest-path crates/automap-python/Cargo.toml --out "$out/wheels"
  "$fresh/bin/pip" install --quiet "$out"/wheels/automap_rca-*.whl
  # The answers are compared with those of the command line.
  "$cargo" build --quiet --locked -p automap
fi
(cd "$out" && "$fresh/bin/python" -c 'import automap, doctest; print("alone:", doctest.testmod(automap, raise_on_error=True))')

"$fresh/bin/pip" install --quiet chdb duckdb ipykernel nbclient networkx pandas polars pyarrow pytest scipy
# RCAEval and PyRCA require dozens of exact versions, torch and a JVM among them; the parts used here need only the last line.
"$fresh/bin/pip" install --quiet --no-deps RCAEval==1.8.1 sfr-pyrca==1.0.1
"$fresh/bin/pip" install --quiet dill pyyaml requests scikit-learn tqdm

cd crates/automap-python
AUTOMAP_PYTHON_ALL=yes exec "$fresh/bin/python" -m pytest -q -p no:cacheprovider "$@"
