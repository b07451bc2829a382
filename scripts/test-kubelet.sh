#!/bin/sh
# Runs a kubelet without an API server on berth, with crun and with runc: test-kubelet.sh [FILE...].
# BERTH_TEST_HANDLER selects one of the two. Needs Go for scripts/kubelet-program.sh.
set -eu
cd "$(dirname "$0")/.."
sh scripts/kubelet-program.sh
sh scripts/setup.sh
npm run -s build
[ $# -gt 0 ] || set -- test/kubelet/*.kubelet.ts
status=0
for handler in ${BERTH_TEST_HANDLER:-crun runc}; do
  # One file after the other: the kubelet uses the same ports in each.
  BERTH_TEST_HANDLER=$handler scripts/private-host.sh sh scripts/kubelet-host.sh nice -n 10 \
    node_modules/.bin/node --test --test-concurrency=1 --test-reporter=spec "$@" || status=1
done
exit $status
