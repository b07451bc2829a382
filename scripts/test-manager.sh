#!/bin/sh
# Runs the tests of pods' lives with the pod manager on unmodified runtimes, one after the other, or on the
# given one: test-manager.sh [containerd|crio|berth]. scripts/clients-programs.sh and scripts/crio-programs.sh
# build containerd and CRI-O, for which they need Go.
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
