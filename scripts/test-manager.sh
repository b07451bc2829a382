#!/bin/sh
# Runs the tests of the life that the pod manager gives to pods over unmodified runtimes, one after the other, or over the
# one that is named: test-manager.sh [containerd|crio|berth]. containerd and CRI-O are built as scripts/clients-programs.sh
# and scripts/crio-programs.sh say, which needs Go.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh
npm run -s build
status=0
for cri in ${1:-containerd crio}; do
  case $cri in
    containerd) [ -x .clients/containerd ] || sh scripts/clients-programs.sh ;;
    crio) [ -x node_modules/.cache/crio/crio ] || sh scripts/crio-programs.sh ;;
  esac
  BERTH_TEST_CRI=$cri BERTH_TEST_HANDLER=runc scripts/private-host.sh node_modules/.bin/node --test --test-reporter=spec \
    --test-timeout=600000 test/pod-life.test.ts || status=1
done
exit $status
