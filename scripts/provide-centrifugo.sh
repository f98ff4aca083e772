#!/usr/bin/env bash
# Builds Centrifugo for the benchmark if Go is available; otherwise the benchmark names it as skipped.
set -uo pipefail
version=v6.9.1
command -v centrifugo >/dev/null && exit 0
if command -v go >/dev/null; then
  echo "No centrifugo on PATH; building $version. The first time this takes some minutes." >&2
  GOBIN="$PWD/node_modules/.bin" go install "github.com/centrifugal/centrifugo/v6@$version" >&2 && exit 0
fi
echo "Centrifugo could not be built; the benchmark runs without it." >&2
