#!/bin/sh
# If an image lacks the destination of a mount, the OCI runtime creates it in the container's writable layer, where it
# stays. runc creates the directories with mode 755, crun with 1755: the destination, and every directory above it that
# crun creates, has the sticky bit. If such a layer is kept as an image (docker commit, nerdctl commit, RUN with a mount
# in a build), crun's differs from runc's, and so does its digest.
# Seen with crun 1.8.1 and runc 1.1.5 of Debian 12, crun 1.28 and runc 1.3.6 of Debian 14, as below.
# Needs Debian 12 (whose package lists say where Debian 14's are), patchelf, busybox, jq and root; mounts are made in a
# private mount namespace.
set -eu
directory=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sh "$directory/../scripts/later-debian.sh" "$work/later" forky crun runc -- usr/bin/crun usr/sbin/runc >&2
cd "$work"
mkdir debian
(cd debian && apt-get download runc=1.1.5+ds1-1+deb12u1 crun=1.8.1-1+deb12u1 >/dev/null 2>&1 && for package in *.deb; do dpkg-deb -x "$package" .; done)
cat >config.json <<JSON
{ "ociVersion": "1.0.2", "root": { "path": "rootfs" },
  "process": { "user": { "uid": 0, "gid": 0 }, "cwd": "/", "env": ["PATH=/bin"], "args": ["/bin/busybox", "true"] },
  "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }, { "destination": "/dev", "type": "tmpfs", "source": "tmpfs" },
    { "destination": "/var/cache/made", "type": "bind", "source": "$work/source", "options": ["rbind"] },
    { "destination": "/scratch", "type": "tmpfs", "source": "tmpfs" }],
  "linux": { "cgroupsPath": "/finding-$$", "namespaces": [{ "type": "mount" }, { "type": "pid" }] } }
JSON
cat >try.sh <<'SH'
# crun takes no cgroup v2 that has controllers beside v1: it is hidden, and so is what is no hierarchy.
[ ! -s /sys/fs/cgroup/unified/cgroup.controllers ] || mount -t tmpfs tmpfs /sys/fs/cgroup/unified
for hierarchy in /sys/fs/cgroup/*/; do mountpoint -q "$hierarchy" || mount -t tmpfs tmpfs "$hierarchy"; done
for program in debian/usr/bin/crun later/crun debian/usr/sbin/runc later/runc; do
  name=$("$program" --version | sed -n 's/^\(crun\|runc\) version \([0-9.]*\).*/\1 \2/p')
  rm -rf bundle
  mkdir -p source bundle/rootfs/bin bundle/rootfs/proc bundle/rootfs/dev bundle/rootfs/var
  cp "$(command -v busybox)" bundle/rootfs/bin/busybox
  cp config.json bundle
  "$program" --root "$PWD/state" run --bundle bundle "$id" </dev/null
  echo "$name: $(cd bundle/rootfs && stat -c '%n %a' var var/cache var/cache/made scratch | paste -s -d ,)"
done
SH
umask 022
id=finding-$$ unshare --mount --propagation private sh try.sh >seen
cat seen
cat >expected <<'TEXT'
crun 1.8.1: var 755,var/cache 1755,var/cache/made 1755,scratch 1755
crun 1.28: var 755,var/cache 1755,var/cache/made 1755,scratch 1755
runc 1.1.5: var 755,var/cache 755,var/cache/made 755,scratch 755
runc 1.3.6: var 755,var/cache 755,var/cache/made 755,scratch 755
TEXT
diff expected seen
