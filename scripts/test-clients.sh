#!/bin/sh
# Runs unmodified clients of containerd's API against berth, with crun and with runc: test-clients.sh
# [FILE...]. BERTH_TEST_HANDLER selects one of the two. Needs Go for scripts/clients-programs.sh.
set -eu
cd "$(dirname "$0")/.."
sh scripts/clients-programs.sh
sh scripts/setup.sh
sh scripts/newer-criu.sh
npm run -s build
[ $# -gt 0 ] || set -- test/clients/*.clients.ts
# These are directories in which containerd's Go clients create FIFOs and look for networks and plugins; they
# are private to this run.
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
