#!/usr/bin/env bash
# Provides a redis-server for the tests: from PATH, else from apt, else from brew, else from redis-memory-server.
set -uo pipefail
link="node_modules/.bin/redis-server"
command -v redis-server >/dev/null && exit 0
echo "No redis-server on PATH; installing one." >&2
if command -v apt-get >/dev/null; then
  run() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi; }
  # On Debian the package also starts a server of its own, which the tests do not need.
  run apt-get update -qq >&2
  RUNLEVEL=1 run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server >&2
elif command -v brew >/dev/null; then
  brew install --quiet redis >&2
fi
command -v redis-server >/dev/null && exit 0
binary=$(npm exec --yes --package=redis-memory-server@0.17.1 -- node -e \
  'import("redis-memory-server").then(async ({ RedisBinary }) => console.log(await RedisBinary.getPath()))' 2>/dev/null | tail -n 1)
if [ -x "$binary" ]; then
  ln -sf "$binary" "$link"
  exit 0
fi
echo "The tests need redis-server 7 or later on PATH, and none could be installed." >&2
exit 1
