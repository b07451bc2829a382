#!/bin/sh
# Builds CRI-O, on which `npm run test:manager` also runs pods, into node_modules/.cache/crio/, together with
# crun and conmon of Debian 14: those of Debian 12 are too old for it. Needs Go, gcc and the headers of
# libseccomp.
set -eu
cd "$(dirname "$0")/.."
if ! command -v go >/dev/null; then
  echo "crio: needs Go (https://go.dev/dl/) to build it" >&2
  exit 1
fi
home="$PWD/node_modules/.cache/crio"
# It recreates the directory.
[ -x "$home/conmon" ] || sh scripts/later-debian.sh "$home" forky crun conmon -- usr/bin/crun usr/bin/conmon
[ -e /usr/include/seccomp.h ] || apt-get -q -q install -y --no-install-recommends libseccomp-dev pkg-config gcc libc6-dev >&2
echo "crio: building (ten minutes the first time)"
# Not every machine can fetch another toolchain, so the installed one is used.
export GOTOOLCHAIN=local GOFLAGS=-mod=readonly
# With the versions in its own go.mod: as a dependency of another module, it would get others.
version=v1.34.0
source=$(cd "$home" && go mod download -json "github.com/cri-o/cri-o@$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
(cd "$source" && nice -n 19 go build -tags "containers_image_openpgp seccomp exclude_graphdriver_btrfs" -o "$home/crio" ./cmd/crio)
gcc -std=c99 -O2 -o "$home/pinns" "$source"/pinns/src/*.c
