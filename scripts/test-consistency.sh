#!/usr/bin/env bash
# scripts/test-consistency.sh [--engine embedded|redis|cluster] [--fault F] [--seed N] [--minutes M] [arguments of Jest]: runs one trial.
set -euo pipefail
cd "$(dirname "$0")/.."
while [ "$#" -gt 1 ]; do
  case "$1" in
    --engine) export CONSISTENCY_ENGINE=$2 ;;
    --fault) export CONSISTENCY_FAULT=$2 ;;
    --seed) export CONSISTENCY_SEED=$2 ;;
    --minutes) export CONSISTENCY_MINUTES=$2 ;;
    *) break ;;
  esac
  shift 2
done
scripts/provide-redis.sh
scripts/provide-gateway.sh
exec scripts/jest.sh full test/consistency "$@"
