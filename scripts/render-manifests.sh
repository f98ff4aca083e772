#!/usr/bin/env bash
# Writes the output of kustomize for each overlay to deploy/kubernetes/rendered, and the output of Helm for the values of the
# same name to deploy/helm/rendered. Tests check both. Needs kubectl and helm.
set -euo pipefail
cd "$(dirname "$0")/../deploy"
mkdir -p kubernetes/rendered helm/rendered
for overlay in kubernetes/overlays/*; do
  name=$(basename "$overlay")
  kubectl kustomize "$overlay" >"kubernetes/rendered/$name.yaml"
  helm template realtime-communication helm/realtime-communication --kube-version 1.30.0 --values "helm/values/$name.yaml" \
    >"helm/rendered/$name.yaml"
done
# By these sums a test without helm detects that the chart has changed since.
cd helm
find realtime-communication values -type f | LC_ALL=C sort | xargs sha256sum >rendered/sources.sha256
