#!/usr/bin/env bash
# scripts/jest.sh quick|full|far|all [arguments of Jest]: runs the tests of that project; `all` means quick and full; `full,far` means both.
set -euo pipefail
cd "$(dirname "$0")/.."
project=$1
shift
# The compiled code of a program's first start saves later starts a third of their time.
export NODE_COMPILE_CACHE="$PWD/node_modules/.cache/node"
# Workers and the programs that tests start run on the Node of this repository, also without npm.
export PATH="$PWD/node_modules/.bin:$PATH"
# The names of projects must be last: Jest takes everything after them as further names.
[ "$project" = all ] && project=quick,full
IFS=, read -ra projects <<<"$project"
set -- "$@" --selectProjects "${projects[@]}"
# Otherwise each thread keeps memory that it has freed, a tenth of the memory of a test process.
export MALLOC_ARENA_MAX=2
# No file of quick runs for long: V8's last compiler would take more time than its code saves.
compilers=()
[ "$project" = quick ] && compilers=(--no-turbofan)
# --heap-growing-percent: otherwise V8 collects the growing heap of a test file several times, a tenth of its work.
# --no-compilation-cache: otherwise V8 keeps the code of finished test files, and with it all of their modules.
exec node --max-old-space-size="${TEST_HEAP_MIB:-300}" --heap-growing-percent=200 "${compilers[@]}" --no-compilation-cache --no-warnings --experimental-vm-modules node_modules/jest/bin/jest.js "$@"
