#!/bin/sh
# Debian 12's criu (3.17) does not work on kernels since 6.13, and its crun is built without criu. If
# `criu check` fails, this script unpacks criu, and a crun that uses it, of a later Debian with their
# libraries into node_modules/.cache/criu. They are only for the tests; the system is not changed. Kernels
# since 6.16 need criu 4.2 for containers that have sockets, which Debian has since version 14.
set -eu
cd "$(dirname "$0")/.."

home="$PWD/node_modules/.cache/criu"
works() { "$1" check >/dev/null 2>&1; }
if works criu || { [ -x "$home/crun" ] && works "$home/criu"; }; then exit 0; fi
printf 'setup: %s\n' "the installed criu does not work on this kernel; putting Debian 14's into $home"

sh scripts/later-debian.sh "$home" forky crun criu libcriu2 -- usr/sbin/criu usr/bin/crun
works "$home/criu" || { "$home/criu" check; exit 1; }
