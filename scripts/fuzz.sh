#!/usr/bin/env bash
# Fuzzes every parser of external input, one after the other, with cargo-fuzz on nightly. SECONDS_EACH: how long each runs (60). Arguments:
# the targets (default: all). Prints a table: runs, coverage, examples kept, largest memory, findings. Findings stay in target/fuzz/finds.
set -euo pipefail
cd "$(dirname "$0")/.."
each=${SECONDS_EACH:-60}
targets=(address calls capture change_webhook chaos config jwt ledger mcp namespace presets prometheus slo table template webhook)
[ $# -eq 0 ] || targets=("$@")

# Folders with further examples; the fuzzer writes to the first folder of a target.
seeds() {
  case $1 in
    capture) echo crates/automap/tests/captures ;;
    chaos) echo crates/automap-lab/faults ;;
    presets) echo crates/automap-sources/src/prometheus/presets/built_in ;;
  esac
}

command -v cargo-fuzz > /dev/null || { echo "fuzz: install cargo-fuzz: cargo install cargo-fuzz --locked"; exit 1; }
# Our code is free of `unsafe`: the sanitizers would only make it slow and add their own memory to the measurement.
cargo +nightly fuzz build --sanitizer none --features libfuzzer any
binary=target/x86_64-unknown-linux-gnu/release/any
mkdir -p target/fuzz/finds
failed=0
printf '| %-10s | %8s | %10s | %8s | %8s | %8s | %5s |\n' target seconds runs coverage kept MiB finds
printf '|%s|%s|%s|%s|%s|%s|%s|\n' ------------ ---------: -----------: ---------: ---------: ---------: ------:
for target in "${targets[@]}"; do
  kept=target/fuzz/corpus/$target log=target/fuzz/$target.log
  mkdir -p "$kept"
  found=0
  # shellcheck disable=SC2046
  AUTOMAP_FUZZ=$target "$binary" "$kept" "fuzz/corpus/$target" $(seeds "$target") -max_total_time="$each" -timeout=25 -rss_limit_mb=512 \
    -max_len=65536 -artifact_prefix="target/fuzz/finds/$target-" -print_final_stats=1 > "$log" 2>&1 || found=1
  stat() { sed -n "s/^stat::$1: *//p" "$log" | tail -n 1; }
  coverage=$(grep -o 'cov: [0-9]*' "$log" | tail -n 1 | cut -d' ' -f2 || true)
  seconds=$(sed -n 's/^Done [0-9]* runs in \([0-9]*\) second.*/\1/p' "$log" | tail -n 1)
  printf '| %-10s | %8s | %10s | %8s | %8s | %8s | %5s |\n' "$target" "${seconds:--}" "$(stat number_of_executed_units)" "$coverage" \
    "$(find "$kept" -type f | wc -l)" "$(stat peak_rss_mb)" "$found"
  [ "$found" -eq 0 ] || failed=1
done
exit "$failed"
