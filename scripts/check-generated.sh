#!/usr/bin/env bash
# Fails if the generated code or the schema reference differs from what the SDL generates.
set -euo pipefail
generated=(src/__generated__/resolvers.ts docs/schema)
before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT
cp -r "${generated[@]}" "$before"
graphql-codegen --config codegen.yml --silent
node --no-warnings scripts/write-schema-pages.ts
for path in "${generated[@]}"; do
  if ! diff -rq "$path" "$before/${path##*/}" >/dev/null; then
    echo "$path was not up to date with schema/*.graphql; it is now. Commit it." >&2
    exit 1
  fi
done
