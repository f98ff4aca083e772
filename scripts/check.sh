#!/usr/bin/env bash
# Lints and checks types, generated code and layers in parallel; prints the output of each, in that order.
set -uo pipefail
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
checks=(lint types generated layers)
running=()
for check in "${checks[@]}"; do
  npm run "check:$check" >"$out/$check" 2>&1 &
  running+=($!)
done
status=0
for index in "${!checks[@]}"; do
  wait "${running[$index]}" || status=1
  cat "$out/${checks[$index]}"
done
exit "$status"
