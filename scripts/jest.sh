#!/usr/bin/env bash
# scripts/jest.sh quick|full|far|all [arguments of Jest]: runs the tests of that project; `all`: of quick and full; `full,far`: of these.
set -euo pipefail
cd "$(dirname "$0")/.."
project=$1
shift
# What the first start of a program compiled spares the others a third of theirs.
export NODE_COMPILE_CACHE="$PWD/node_modules/.cache/node"
# Workers and the programs that tests start run on the Node of this repository, also without npm.
export PATH="$PWD/node_modules/.bin:$PATH"
# The names of projects come last: Jest takes all that follows for more of them.
[ "$project" = all ] && project=quick,full
IFS=, read -ra projects <<<"$project"
set -- "$@" --selectProjects "${projects[@]}"
# Each thread would keep memory of its own that it has freed: a tenth of what a test process holds.
export MALLOC_ARENA_MAX=2
# V8 would keep the code of files that have run for the next one, and by it all modules of theirs.
exec node --max-old-space-size="${TEST_HEAP_MIB:-300}" --no-compilation-cache --no-warnings --experimental-vm-modules node_modules/jest/bin/jest.js "$@"
