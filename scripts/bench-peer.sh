#!/bin/sh
# causal-learn's PC on the series of a CSV (one column each, no header), for the graph benchmark: prints its seconds, its version and its
# edges. Installs causal-learn into a separate environment under DIR on first use.
# usage: bench-peer.sh DIR SERIES.csv
set -eu
dir=$1 series=$2
here=$(dirname "$0")
version=0.1.4.8
python="$dir/venv-$version/bin/python"
if ! "$python" -c 'import causallearn' 2>/dev/null; then
    command -v python3 >/dev/null || { echo "python3 is not installed" >&2; exit 1; }
    python3 -m venv "$dir/venv-$version" >&2 || { echo "python3 cannot make a virtual environment" >&2; exit 1; }
    "$python" -m pip install --quiet --disable-pip-version-check --retries 1 "causal-learn==$version" >"$dir/pip.log" 2>&1 || {
        echo "causal-learn $version cannot be installed (is PyPI reachable? see $dir/pip.log)" >&2
        exit 1
    }
fi
exec "$python" "$here/bench-peer.py" "$series"
