#!/usr/bin/env bash
# Runs the steps of the Dockerfile without a Docker engine, each stage in an empty folder with only the files that it copies.
# Then starts the result as the image would, checks its health as the image would, and stops it.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
pid=""
trap '[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true; chmod -R u+w "$work"; rm -rf "$work"' EXIT
build=$work/build dependencies=$work/dependencies app=$work/app data=$work/data
mkdir "$build" "$dependencies" "$app" "$data"

echo "Stage build" >&2
cp "$root"/{package.json,package-lock.json,.npmrc,tsconfig.json,tsconfig.build.json} "$build"
cp -r "$root/src" "$root/console" "$build"
mkdir "$build/scripts" "$build/client"
cp "$root/scripts/build-console.ts" "$build/scripts"
cp -r "$root/client/src" "$build/client"
(cd "$build" && npm ci --silent && npm run --silent build) >&2

echo "Stage dependencies" >&2
cp "$root"/{package.json,package-lock.json,.npmrc} "$dependencies"
(cd "$dependencies" && npm ci --silent --omit=dev) >&2

echo "Final stage" >&2
cp -r "$dependencies/node_modules" "$build/dist" "$root/schema" "$app"
cp "$root"/{package.json,LICENSE} "$app"
node=$build/node_modules/.bin/node
# The root of the container is read-only.
chmod -R a-w "$app"

port=$("$node" -e 'const s = require("net").createServer().listen(0, () => { console.log(s.address().port); s.close(); })')
cd "$app"
env -i PATH=/nonexistent NODE_ENV=production DATA_DIR="$data" PORT="$port" DRAIN_WINDOW=500ms \
  JWT_SECRET=a-secret-only-for-this-check-of-the-container "$node" dist/main.js >"$work/log" 2>&1 &
pid=$!
# The HEALTHCHECK of the Dockerfile, unchanged.
check=$(sed -n 's/^  CMD \["node", "\(.*\)"\]$/\1/p' "$root/Dockerfile")
[ -n "$check" ] || { echo "The Dockerfile has no HEALTHCHECK this script knows." >&2; exit 1; }
for attempt in $(seq 50); do
  if PORT="$port" "$node" "$check"; then break; fi
  [ "$attempt" -lt 50 ] || { cat "$work/log" >&2; exit 1; }
  sleep 0.2
done
kill -TERM "$pid"
code=0
wait "$pid" || code=$?
pid=""
[ "$code" -eq 0 ] || { echo "SIGTERM ended it with $code." >&2; cat "$work/log" >&2; exit 1; }
echo "The final stage starts, is healthy, writes to its data folder only, and stops with 0." >&2
