#!/bin/sh
# Runs crictl, critest and a client of the newest CRI, each against a berthd of its own, with crun and with
# runc: conformance.sh [--engine docker[=SET]] [FILE...]. BERTH_TEST_HANDLER selects one of the two. With
# --engine docker, critest runs over the machine's Docker Engine, or over that of a later Debian
# (scripts/newer-docker.sh has the sets). Needs Go for scripts/conformance-programs.sh.
set -eu
cd "$(dirname "$0")/.."
engine=native
if [ "${1:-}" = --engine ]; then
  engine=${2:-}
  set=""
  case $engine in
    native | docker) ;;
    docker=*) set=${engine#docker=} engine=docker ;;
    *) echo "conformance: --engine is native, docker or docker=SET" >&2; exit 1 ;;
  esac
  shift 2
fi
sh scripts/setup.sh
sh scripts/conformance-programs.sh
npm run -s build
# Docker chooses the OCI runtime itself.
if [ "$engine" = docker ]; then
  if [ -n "$set" ]; then
    BERTH_TEST_DOCKER=$(sh scripts/newer-docker.sh "$set")
    export BERTH_TEST_DOCKER
  fi
  handlers=crun
  [ $# -gt 0 ] || set -- test/conformance/critest.conformance.ts
fi
[ $# -gt 0 ] || set -- test/conformance/*.conformance.ts
# One file after the other: one is enough load for the machine, and critest uses the same host ports in each.
# critest leaves shared memory behind, which is removed with a separate namespace.
status=0
for handler in ${handlers:-${BERTH_TEST_HANDLER:-crun runc}}; do
  BERTH_TEST_ENGINE=$engine BERTH_TEST_HANDLER=$handler unshare --ipc scripts/private-host.sh \
    node_modules/.bin/node --test --test-concurrency=1 --test-reporter=spec "$@" || status=1
done
exit $status
