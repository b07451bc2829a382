#!/bin/sh
# Builds crictl and critest of sigs.k8s.io/cri-tools at the version of test/conformance/go.mod and runs them against a
# berthd of its own. Needs Go; nothing else of berth does.
set -eu
cd "$(dirname "$0")/.."
if ! command -v go >/dev/null; then
  echo "conformance: needs Go (https://go.dev/dl/) to build crictl and critest" >&2
  exit 1
fi
sh scripts/setup.sh
mkdir -p .conformance
(
  cd test/conformance
  # A toolchain that is not here cannot be fetched everywhere: the installed one must do.
  export GOTOOLCHAIN=local GOFLAGS=-mod=mod
  go build -o ../../.conformance/crictl sigs.k8s.io/cri-tools/cmd/crictl
  go test -c -o ../../.conformance/critest sigs.k8s.io/cri-tools/cmd/critest
)
npm run -s build
scripts/private-host.sh node_modules/.bin/node --test --test-reporter=spec test/conformance/*.conformance.ts
