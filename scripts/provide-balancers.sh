#!/usr/bin/env bash
# Installs the balancers for test/deploy/balancers from apt. The test names those that cannot be installed as skipped.
set -uo pipefail
missing=()
for name in nginx haproxy caddy; do
  PATH=$PATH:/usr/sbin command -v "$name" >/dev/null || missing+=("$name")
done
[ "${#missing[@]}" -gt 0 ] && command -v apt-get >/dev/null || exit 0
run() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi; }
# None of them starts a server of its own.
for name in "${missing[@]}"; do
  RUNLEVEL=1 run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$name" >/dev/null 2>&1 ||
    echo "$name could not be installed: its tests are skipped." >&2
done
exit 0
