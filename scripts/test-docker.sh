#!/bin/sh
# Runs the tests of the Docker engine, and those for every engine, over the Docker Engines of later Debians:
# test-docker.sh [SET[=FILE,...]]... The default is debian13 and debian14, each with all of the files below.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh
npm run -s build
all="test/docker-*.test.ts test/pods.test.ts test/containers.test.ts test/streaming.test.ts test/identity.test.ts"
all="$all test/stats.test.ts test/lists.test.ts test/races.test.ts test/failures.test.ts"
all="$all test/attacks-host.test.ts test/exec-memory.test.ts test/killed-client.test.ts test/run.test.ts"
[ $# != 0 ] || set -- debian13 debian14
failed=""
for chosen in "$@"; do
  name=${chosen%%=*}
  files=$all
  [ "$name" = "$chosen" ] || files=$(printf '%s' "${chosen#*=}" | tr , ' ')
  programs=$(sh scripts/newer-docker.sh "$name")
  printf '%s: %s\n' "$name" "$("$programs/dockerd" --version)"
  # Docker chooses the OCI runtime itself.
  # shellcheck disable=SC2086 # a list of words, whose patterns the test runner expands
  (set -f; BERTH_TEST_ENGINE=docker BERTH_TEST_HANDLER=crun BERTH_TEST_DOCKER="$programs" \
    scripts/private-host.sh node_modules/.bin/node scripts/test.ts $files) || failed="$failed $name"
done
[ -z "$failed" ] || { echo "docker: tests failed with:$failed" >&2; exit 1; }
