#!/bin/sh
# Puts a newer Docker Engine, with its containerd and runc, into node_modules/.cache/docker/SET and prints
# that directory, for BERTH_TEST_DOCKER: newer-docker.sh debian13|debian14|moby2. The first two come from a
# later Debian and need patchelf; the third is built with Go from moby v2, like Docker Engine 29, and uses the
# containerd of debian14. The system is not changed.
set -eu
cd "$(dirname "$0")/.."
case $1 in
  debian13) suite=trixie ;;
  debian14) suite=forky ;;
  moby2) suite="" ;;
  *) echo "docker: there is no set $1: debian13, debian14, moby2" >&2; exit 1 ;;
esac
home="$PWD/node_modules/.cache/docker/$1"
if [ ! -e "$home/complete" ] && [ -n "$suite" ]; then
  sh scripts/later-debian.sh "$home" "$suite" docker.io -- usr/sbin/dockerd usr/sbin/docker-proxy \
    usr/bin/containerd usr/bin/containerd-shim-runc-v2 usr/sbin/runc >&2
  touch "$home/complete"
fi
if [ ! -e "$home/complete" ]; then
  command -v go >/dev/null || { echo "docker: needs Go (https://go.dev/dl/) to build moby" >&2; exit 1; }
  debian=$(sh scripts/newer-docker.sh debian14)
  mkdir -p "$home"
  for program in containerd containerd-shim-runc-v2 runc; do ln -sf "$debian/$program" "$home/$program"; done
  echo "docker: building moby (some minutes)" >&2
  # Not every machine can fetch another toolchain, so the installed one is used.
  export GOTOOLCHAIN=local GOFLAGS=-mod=readonly CGO_ENABLED=0
  module=github.com/moby/moby/v2 version=v2.0.0-beta.24
  # With the versions in its own go.mod: as a dependency of another module, it would get others.
  source=$(cd "$home" && go mod download -json "$module@$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
  (cd "$source" && nice -n 19 go build -ldflags "-X $module/dockerversion.Version=${version#v}" -o "$home" \
    ./cmd/dockerd ./cmd/docker-proxy) >&2
  touch "$home/complete"
fi
printf '%s\n' "$home"
