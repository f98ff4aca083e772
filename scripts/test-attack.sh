#!/usr/bin/env bash
# scripts/test-attack.sh [--minutes N] [--engine redis|embedded] [--seed N] [arguments of Jest]: runs the properties of test/security.
set -euo pipefail
cd "$(dirname "$0")/.."
while [ "$#" -gt 1 ]; do
  case "$1" in
    --minutes) export ATTACK_MINUTES=$2 ;;
    --engine) export ATTACK_ENGINE=$2 ;;
    --seed) export ATTACK_SEED=$2 ;;
    *) break ;;
  esac
  shift 2
done
# A run of half an hour starts hundreds of services in one process, which needs more memory than a test file may use.
export TEST_HEAP_MIB=4000 TEST_PROCESS_MIB=6000
scripts/provide-redis.sh
exec scripts/jest.sh quick test/security/attack "$@"
