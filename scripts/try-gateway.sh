#!/usr/bin/env bash
# scripts/try-gateway.sh ROUTER MODE BINARY: runs a router with the files of deploy/gateways in front of this service, and
# prints what clients of the router see. ROUTER MODE is `cosmo` with ws, sse or sse_post, `hive` with http, websocket or callback, or
# `hive-gateway` with sse, ws or callback and node_modules/.bin/hive-gateway as the binary.
#
# ONLY='token' runs the rows with that name, COSTS=1 asks for estimates of queries, RELAY names a folder with
# relay-runtime, WGC names an installed `wgc`.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/node_modules/.bin:$PATH"
exec node --no-warnings scripts/try-gateway/main.ts "$@"
