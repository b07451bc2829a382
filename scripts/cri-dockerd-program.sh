#!/bin/sh
# Builds cri-dockerd, which `npm run bench -- docker` compares with berth, into
# node_modules/.cache/cri-dockerd/. Needs Go.
set -eu
cd "$(dirname "$0")/.."
if ! command -v go >/dev/null; then
  echo "cri-dockerd: needs Go (https://go.dev/dl/) to build it" >&2
  exit 1
fi
home="$PWD/node_modules/.cache/cri-dockerd"
mkdir -p "$home"
echo "cri-dockerd: building (some minutes the first time)"
# Not every machine can fetch another toolchain, so the installed one is used.
export GOTOOLCHAIN=local GOFLAGS=-mod=readonly CGO_ENABLED=0
# With the versions in its own go.mod: as a dependency of another module, it would get others.
version=v0.4.3
source=$(cd "$home" && go mod download -json "github.com/Mirantis/cri-dockerd@$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
(cd "$source" && nice -n 19 go build -ldflags "-X github.com/Mirantis/cri-dockerd/cmd/version.Version=$version" -o "$home/cri-dockerd" .)
