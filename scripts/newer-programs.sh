#!/bin/sh
# Puts newer versions of the programs that berth starts into node_modules/.cache/programs/SET and prints that
# directory: newer-programs.sh debian13|debian14|newest. "newest" builds runc and the CNI plugins at the
# versions of test/versions/go.mod, and needs Go and libseccomp; the others need only patchelf.
set -eu
cd "$(dirname "$0")/.."
set_name=$1
home="$PWD/node_modules/.cache/programs/$set_name"
plugins="bandwidth bridge firewall host-local loopback portmap ptp static tuning"

debian() {
  files="usr/bin/crun usr/bin/conmon usr/sbin/runc usr/bin/mkfs.erofs"
  for plugin in $plugins; do files="$files usr/lib/cni/$plugin"; done
  # shellcheck disable=SC2086 # a list of words
  sh scripts/later-debian.sh "$home" "$1" crun runc conmon containernetworking-plugins erofs-utils -- $files >&2
  mkdir "$home/cni" "$home/sbin"
  mv "$home/runc" "$home/sbin/runc"
  for plugin in $plugins; do mv "$home/$plugin" "$home/cni/$plugin"; done
}

newest() {
  command -v go >/dev/null || { echo "versions: needs Go (https://go.dev/dl/) to build the newest" >&2; exit 1; }
  [ -e /usr/include/seccomp.h ] || apt-get -q -q install -y --no-install-recommends libseccomp-dev pkg-config gcc libc6-dev >&2
  mkdir -p "$home/cni" "$home/sbin"
  cd test/versions
  export GOTOOLCHAIN=local GOFLAGS=-mod=readonly
  go build -tags seccomp -o "$home/sbin/runc" github.com/opencontainers/runc
  for plugin in $plugins; do
    case $plugin in
      host-local | static) package=ipam/$plugin ;;
      bridge | loopback | ptp) package=main/$plugin ;;
      *) package=meta/$plugin ;;
    esac
    CGO_ENABLED=0 go build -o "$home/cni/$plugin" "github.com/containernetworking/plugins/plugins/$package"
  done
}

if [ ! -e "$home/complete" ]; then
  case $set_name in
    debian13) debian trixie ;;
    debian14) debian forky ;;
    newest) (newest) ;;
    *) echo "versions: there is no set $set_name: debian13, debian14, newest" >&2; exit 1 ;;
  esac
  touch "$home/complete"
fi
printf '%s\n' "$home"
