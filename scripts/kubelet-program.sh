#!/bin/sh
# Builds the kubelet of k8s.io/kubernetes at the version of test/kubelet/go.mod into .kubelet/. Needs Go.
set -eu
cd "$(dirname "$0")/../test/kubelet"
if ! command -v go >/dev/null; then
  echo "kubelet: needs Go (https://go.dev/dl/) to build the kubelet" >&2
  exit 1
fi
mkdir -p ../../.kubelet
echo "kubelet: building the kubelet (a quarter of an hour the first time)"
# Not every machine can fetch another toolchain, so the installed one is used.
export GOTOOLCHAIN=local GOFLAGS=-mod=readonly CGO_ENABLED=0
version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
# Builds one package at a time with low priority, because it is a long job.
nice -n 19 go build -p 1 -ldflags "-X k8s.io/component-base/version.gitVersion=$version" \
  -o ../../.kubelet/kubelet k8s.io/kubernetes/cmd/kubelet
