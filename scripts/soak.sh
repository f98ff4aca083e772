#!/usr/bin/env bash
# npm run soak -- --minutes N [--latency MS]: load, churn and faults at random; writes its table to docs/faults.md.
# With --latency every round trip to Redis takes that many milliseconds.
set -euo pipefail
cd "$(dirname "$0")/.."
minutes=20
while [ "$#" -gt 0 ]; do
  case "$1" in
    --minutes) minutes=$2; shift 2 ;;
    --latency) export REDIS_LATENCY_MS=$2; shift 2 ;;
    *) echo "usage: npm run soak -- --minutes N [--latency MS]" >&2; exit 2 ;;
  esac
done
scripts/provide-redis.sh
SOAK_MINUTES=$minutes exec scripts/jest.sh full test/faults/soak
