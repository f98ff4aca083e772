#!/usr/bin/env bash
# Installs the dependencies of examples/gateway, unless the same versions are installed. The service itself does not depend on them.
set -euo pipefail
cd "$(dirname "$0")/../examples/gateway"
installed=node_modules/.installed-lock.json
cmp -s package-lock.json "$installed" && exit 0
echo "Installing the example gateway." >&2
npm ci --ignore-scripts --no-audit --no-fund --silent >&2
cp package-lock.json "$installed"
