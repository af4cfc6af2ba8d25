#!/usr/bin/env bash
# Mutation testing of the code that decides an answer: rank, onset, verdict and watch of the core. Each mutant is one small change of the
# code (`<` for `<=`, a function that returns nothing), compiled and tested separately; one that no test notices survives. SHARD=k/n (0/18)
# takes every n-th of them.
# Arguments go to cargo-mutants, such as --list. The outcome is in target/mutants.out: caught.txt, missed.txt, timeout.txt, unviable.txt.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v cargo-mutants > /dev/null || { echo "mutants: install cargo-mutants: cargo install cargo-mutants --locked"; exit 1; }
files=()
for module in rank onset verdict watch; do
  files+=(-f "crates/automap-core/src/$module.rs" -f "crates/automap-core/src/$module/**")
done
mkdir -p target
# The tests take seconds; a mutant that loops forever is killed.
exec cargo mutants -p automap-core "${files[@]}" --shard "${SHARD:-0/18}" --sharding round-robin --minimum-test-timeout 120 --output target "$@" \
  -- --lib --test integration
