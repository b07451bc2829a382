#!/bin/sh
# Runs the tests of the life that the pod manager gives to pods over an unmodified runtime: test-manager.sh [containerd|berth].
# containerd is built as scripts/clients-programs.sh says, which needs Go.
set -eu
cd "$(dirname "$0")/.."
cri=${1:-containerd}
sh scripts/setup.sh
npm run -s build
[ "$cri" != containerd ] || [ -x .clients/containerd ] || sh scripts/clients-programs.sh
BERTH_TEST_CRI=$cri BERTH_TEST_HANDLER=runc exec scripts/private-host.sh \
  node_modules/.bin/node --test --test-reporter=spec --test-timeout=600000 test/pod-life.test.ts
