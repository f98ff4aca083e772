#!/usr/bin/env bash
# Checks types. Meanwhile installs the packages that only the example gateway needs.
set -uo pipefail
cd "$(dirname "$0")/.."
scripts/provide-gateway.sh &
provided=$!
status=0
tsc -p tsconfig.json || status=1
tsc -p client || status=1
tsc -p console || status=1
tsc -p examples/chat || status=1
wait "$provided" && tsc -p examples/gateway || status=1
exit "$status"
