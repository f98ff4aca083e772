#!/usr/bin/env bash
# npm run test:faults [-- --latency MS] [arguments of Jest]
# Runs the faults at full size and writes the results to docs/faults.md; with arguments of Jest it writes nothing.
# With --latency every round trip to Redis takes that many milliseconds, and the result is one row of "Far from Redis".
set -uo pipefail
cd "$(dirname "$0")/.."
scripts/provide-redis.sh || exit 1
if [ "${1:-}" = --latency ]; then
  export REDIS_LATENCY_MS=$2
  shift 2
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: >"$work/notes"
FAULTS=whole FAULTS_NOTES=$work/notes scripts/jest.sh all \
  --maxWorkers 1 --json --outputFile="$work/results.json" \
  test/faults test/engine test/cluster test/observability/open-files \
  test/observability/process test/gateway/service-restart test/gateway/rolling-upgrade test/transport/graphql-ws "$@" >/dev/null
code=$?
[ "$#" -gt 0 ] || node --no-warnings scripts/write-faults.ts "$work/results.json" "$work/notes"
exit "$code"
