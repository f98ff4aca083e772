#!/usr/bin/env bash
# Writes what kustomize makes of each overlay to deploy/kubernetes/rendered, which a test checks. Needs kubectl.
set -euo pipefail
cd "$(dirname "$0")/../deploy/kubernetes"
mkdir -p rendered
for overlay in overlays/*; do
  kubectl kustomize "$overlay" >"rendered/$(basename "$overlay").yaml"
done
