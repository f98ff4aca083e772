#!/usr/bin/env bash
# Runs the faults at their whole size and writes docs/faults.md from what came of them. Arguments go to Jest.
set -uo pipefail
cd "$(dirname "$0")/.."
scripts/provide-redis.sh || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: >"$work/notes"
FAULTS=whole FAULTS_NOTES=$work/notes scripts/jest.sh all \
  --maxWorkers 1 --json --outputFile="$work/results.json" \
  test/faults test/engine test/cluster test/gateway/service-restart test/transport/graphql-ws "$@" >/dev/null
code=$?
[ "$#" -gt 0 ] || node --no-warnings scripts/write-faults.ts "$work/results.json" "$work/notes"
exit "$code"
