#!/bin/sh
# Puts the Docker Engine of a later Debian, with its containerd and runc, into node_modules/.cache/docker/SET and prints that
# directory, for BERTH_TEST_DOCKER: newer-docker.sh debian13|debian14. Nothing of the system is changed. Needs patchelf.
set -eu
cd "$(dirname "$0")/.."
case $1 in
  debian13) suite=trixie ;;
  debian14) suite=forky ;;
  *) echo "docker: there is no set $1: debian13, debian14" >&2; exit 1 ;;
esac
home="$PWD/node_modules/.cache/docker/$1"
if [ ! -e "$home/complete" ]; then
  sh scripts/later-debian.sh "$home" "$suite" docker.io -- usr/sbin/dockerd usr/sbin/docker-proxy \
    usr/bin/containerd usr/bin/containerd-shim-runc-v2 usr/sbin/runc >&2
  touch "$home/complete"
fi
printf '%s\n' "$home"
