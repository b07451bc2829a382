#!/bin/sh
# Builds crictl and critest of sigs.k8s.io/cri-tools at the version of test/conformance/go.mod, and the program of the
# images that stand in for critest's public ones, and runs them against berthds of their own: conformance.sh [FILE...].
# Needs Go; nothing else of berth does. All run with crun and with runc; BERTH_TEST_HANDLER takes one.
set -eu
cd "$(dirname "$0")/.."
if ! command -v go >/dev/null; then
  echo "conformance: needs Go (https://go.dev/dl/) to build crictl and critest" >&2
  exit 1
fi
sh scripts/setup.sh
mkdir -p .conformance
echo "conformance: building crictl and critest (some minutes the first time)"
(
  cd test/conformance
  # A toolchain that is not here cannot be fetched everywhere: the installed one must do.
  export GOTOOLCHAIN=local GOFLAGS=-mod=readonly CGO_ENABLED=0
  go build -o ../../.conformance/crictl sigs.k8s.io/cri-tools/cmd/crictl
  go test -c -o ../../.conformance/critest sigs.k8s.io/cri-tools/cmd/critest
  go build -o ../../.conformance/standin ./standin
)
npm run -s build
[ $# -gt 0 ] || set -- test/conformance/*.conformance.ts
# One file after the other: they load the machine enough, and critest's host ports are the same in each.
# critest leaves shared memory behind, which ends with a namespace of its own.
status=0
for handler in ${BERTH_TEST_HANDLER:-crun runc}; do
  BERTH_TEST_HANDLER=$handler unshare --ipc scripts/private-host.sh \
    node_modules/.bin/node --test --test-concurrency=1 --test-reporter=spec "$@" || status=1
done
exit $status
