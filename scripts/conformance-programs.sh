#!/bin/sh
# Builds crictl and critest of sigs.k8s.io/cri-tools at the version of test/conformance/go.mod, and the program of the
# images that stand in for critest's public ones, into .conformance/. Needs Go; nothing else of berth does.
set -eu
cd "$(dirname "$0")/../test/conformance"
if ! command -v go >/dev/null; then
  echo "conformance: needs Go (https://go.dev/dl/) to build crictl and critest" >&2
  exit 1
fi
mkdir -p ../../.conformance
echo "conformance: building crictl and critest (some minutes the first time)"
# A toolchain that is not here cannot be fetched everywhere: the installed one must do.
export GOTOOLCHAIN=local GOFLAGS=-mod=readonly CGO_ENABLED=0
go build -o ../../.conformance/crictl sigs.k8s.io/cri-tools/cmd/crictl
go test -c -o ../../.conformance/critest sigs.k8s.io/cri-tools/cmd/critest
go build -o ../../.conformance/standin ./standin
