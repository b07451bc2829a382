#!/bin/sh
# Drives berth with unmodified clients of containerd's API, with crun and with runc: test-clients.sh [FILE...].
# BERTH_TEST_HANDLER takes one of the two. Needs Go, as scripts/clients-programs.sh does.
set -eu
cd "$(dirname "$0")/.."
sh scripts/clients-programs.sh
sh scripts/setup.sh
sh scripts/newer-criu.sh
npm run -s build
[ $# -gt 0 ] || set -- test/clients/*.clients.ts
# Where containerd's Go clients create FIFOs and look for networks and their plugins, only for this run.
inside='
for directory in /run/containerd /etc/cni/net.d /opt/cni/bin; do
  mkdir -p "$directory"
  mount -t tmpfs tmpfs "$directory"
done
ln -s /usr/lib/cni/* /opt/cni/bin/
exec "$@"
'
status=0
for handler in ${BERTH_TEST_HANDLER:-crun runc}; do
  BERTH_TEST_HANDLER=$handler scripts/private-host.sh sh -euc "$inside" sh \
    node_modules/.bin/node --test --test-concurrency=1 --test-timeout=900000 --test-reporter=spec "$@" || status=1
done
exit $status
