#!/bin/sh
# Runs a command as root in its own mount and network namespaces, so that its mounts, network interfaces and
# packet filters disappear with it, and the machine's network is never touched: private-host.sh COMMAND
# [ARG...]. If BERTH_TEST_PROGRAMS is set, it is a directory whose crun, conmon, mkfs.erofs, sbin/runc and
# cni/ replace the machine's there.
set -eu
if [ "$(id -u)" != 0 ]; then
  echo "private-host: needs root, to make namespaces, mounts and containers" >&2
  exit 1
fi
inside='
set -eu
ip link set lo up
# Addresses that CNI plugins hand out, what iptables locks, and compiled code that berth keeps are this run'"'"'s own.
for private in /var/lib/cni /run/netns /var/cache/berth; do
  mkdir -p "$private"
  mount -t tmpfs -o mode=0755 tmpfs "$private"
done
# crun 1.8 refuses a hybrid hierarchy whose cgroup2 half has controllers: these are given to version 1, and so are those
# that an earlier run gave to it and that are not mounted any more.
unified=/sys/fs/cgroup/unified/cgroup.controllers
if [ -e "$unified" ]; then
  for controller in $(cat "$unified") $(awk "\$2 > 0 && \$4 == 1 {print \$1}" /proc/cgroups); do
    grep -q -E "^cgroup [^ ]+ cgroup [^ ]*\b$controller\b" /proc/mounts && continue
    mkdir -p "/sys/fs/cgroup/$controller"
    mount -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/$controller" ||
      echo "private-host: cgroup controller $controller cannot be mounted; crun will be refused" >&2
  done
fi
# Other versions of the programs in place of the machine'"'"'s.
programs=${BERTH_TEST_PROGRAMS:-}
if [ -n "$programs" ]; then
  for name in crun conmon mkfs.erofs; do
    [ ! -e "$programs/$name" ] || mount --bind "$programs/$name" "/usr/bin/$name"
  done
  # Not by a bind mount: since 1.2 runc starts itself again from a mount of its directory, where it would find the old one.
  [ ! -d "$programs/sbin" ] || mount -t overlay overlay -o "lowerdir=$programs/sbin:/usr/sbin" /usr/sbin
  [ ! -d "$programs/cni" ] || mount --bind "$programs/cni" /usr/lib/cni
fi
exec "$@"
'
exec unshare --mount --net --propagation private -- sh -c "$inside" sh "$@"
