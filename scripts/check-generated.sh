#!/usr/bin/env bash
# Fails when the generated code is not what the SDL generates.
set -euo pipefail
file=src/__generated__/resolvers.ts
before=$(mktemp)
trap 'rm -f "$before"' EXIT
cp "$file" "$before"
graphql-codegen --config codegen.yml --silent
if ! cmp -s "$before" "$file"; then
  echo "$file was not up to date with schema/*.graphql; it is now. Commit it." >&2
  exit 1
fi
