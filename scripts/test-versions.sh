#!/bin/sh
# Runs the tests that depend on the programs that berth starts, with newer versions than those of Debian 12:
# test-versions.sh [SET[=FILE,...]]... The default is debian13, debian14 and, if Go is installed, newest, each
# with all of the files below.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh
sh scripts/newer-criu.sh
npm run -s build
all="src/services/runtime/**/*.test.ts src/services/network/**/*.test.ts test/containers.test.ts test/container-settings.test.ts test/cdi.test.ts"
all="$all test/streaming.test.ts test/standard-streams.test.ts test/updates.test.ts test/pods.test.ts"
all="$all test/networks.test.ts test/checkpoint*.test.ts test/erofs.test.ts src/services/images/erofs-layers.test.ts"
if [ $# = 0 ]; then
  set -- debian13 debian14
  ! command -v go >/dev/null || set -- "$@" newest
fi
failed=""
for chosen in "$@"; do
  name=${chosen%%=*}
  files=$all
  [ "$name" = "$chosen" ] || files=$(printf '%s' "${chosen#*=}" | tr , ' ')
  programs=$(sh scripts/newer-programs.sh "$name")
  for program in crun sbin/runc conmon mkfs.erofs; do
    [ ! -x "$programs/$program" ] || printf '%s: %s\n' "$name" "$("$programs/$program" --version | head -n 1)"
  done
  # shellcheck disable=SC2086 # a list of words, whose patterns the test runner expands
  (set -f; BERTH_TEST_PROGRAMS="$programs" scripts/private-host.sh node_modules/.bin/node scripts/test.ts $files) || failed="$failed $name"
done
[ -z "$failed" ] || { echo "versions: tests failed with:$failed" >&2; exit 1; }
