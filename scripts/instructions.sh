#!/usr/bin/env bash
# Counts the instructions of three fixed workloads (crates/automap/benches/instructions.rs) under valgrind, and compares them with the
# counts in scripts/instructions.txt: a recorded incident, 200 simulated services, and the AutoMAP graph of 100 services. Warns about an
# increase of a tenth.
# `--keep` stores the current counts. Times depend on the machine and the day; counts depend on the code and the compiler.
set -euo pipefail
cd "$(dirname "$0")/.."

kept=scripts/instructions.txt
command -v valgrind > /dev/null || { echo "valgrind is not installed" >&2; exit 1; }
program=$(${CARGO:-cargo} bench --locked -p automap --bench instructions --no-run --message-format json-render-diagnostics |
  sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -1)

# The number of rounds; a single thread, so that none waits for another.
count() {
  RAYON_NUM_THREADS=1 valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$1" "$2" 2>&1 |
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

found=""
for work in lab fleet graph; do
  # One-time work, such as reading the recording, cancels out in the difference.
  now=$((($(count $work 3) - $(count $work 1)) / 2))
  found+="$work $now"$'\n'
  before=$(sed -n "s/^$work \([0-9]*\)$/\1/p" $kept)
  if [ -z "$before" ]; then
    echo "$work: $now"
    continue
  fi
  echo "$work: $now, $(((now - before) * 100 / before)) % more than the $before of $kept"
  if [ $((now * 10)) -gt $((before * 11)) ]; then echo "WARNING: $work needs over a tenth more instructions than before" >&2; fi
done
if [ "${1:-}" = --keep ]; then
  { sed -n '/^#/p' $kept; printf '%s' "$found"; } > $kept.new && mv $kept.new $kept
fi
