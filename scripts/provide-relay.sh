#!/usr/bin/env bash
# Installs Relay's compiler for examples/relay, unless the same version is installed. The service itself does not depend on it.
set -euo pipefail
cd "$(dirname "$0")/../examples/relay"
installed=node_modules/.installed-lock.json
cmp -s package-lock.json "$installed" && exit 0
echo "Installing Relay's compiler." >&2
npm ci --ignore-scripts --no-audit --no-fund --silent >&2
cp package-lock.json "$installed"
