#!/bin/sh
# A signal to a container between `create` and `start` (runtime specification: `kill` works for created and running
# containers). The process that waits for the start is the first of its PID namespace, to which the kernel delivers only
# signals that it handles. runc's handles SIGTERM, as every Go program does, and ends. crun's does not: `kill ID TERM`
# succeeds, nothing happens, and a later `start` runs the program as if no signal had been sent. So a stop before the
# start must use KILL, which works with both.
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
mkdir -p bundle/rootfs/bin bundle/rootfs/proc bundle/rootfs/dev
cp "$(command -v busybox)" bundle/rootfs/bin/busybox
cat >bundle/config.json <<JSON
{ "ociVersion": "1.0.2", "root": { "path": "rootfs" },
  "process": { "user": { "uid": 0, "gid": 0 }, "cwd": "/", "env": ["PATH=/bin"], "args": ["/bin/busybox", "sleep", "1000"] },
  "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }, { "destination": "/dev", "type": "tmpfs", "source": "tmpfs" }],
  "linux": { "cgroupsPath": "/finding-$$", "namespaces": [{ "type": "mount" }, { "type": "pid" }] } }
JSON
cat >try.sh <<'SH'
# crun takes no cgroup v2 that has controllers beside v1: it is hidden, and so is what is no hierarchy.
[ ! -s /sys/fs/cgroup/unified/cgroup.controllers ] || mount -t tmpfs tmpfs /sys/fs/cgroup/unified
for hierarchy in /sys/fs/cgroup/*/; do mountpoint -q "$hierarchy" || mount -t tmpfs tmpfs "$hierarchy"; done
for program in debian/usr/bin/crun later/crun debian/usr/sbin/runc later/runc; do
  name=$("$program" --version | sed -n 's/^\(crun\|runc\) version \([0-9.]*\).*/\1 \2/p')
  oci() { "$program" --root "$PWD/state" "$@" </dev/null 2>>log; }
  status() { sleep 1; oci state "$id" | jq -r .status; }
  oci create --bundle bundle "$id" >/dev/null
  oci kill "$id" TERM
  echo "$name: $(status) after TERM"
  ! oci start "$id" || echo "$name: $(status) after start"
  oci delete --force "$id"
  oci create --bundle bundle "$id" >/dev/null
  oci kill "$id" KILL
  echo "$name: $(status) after KILL"
  oci delete --force "$id"
done
SH
id=finding-$$ unshare --mount --propagation private sh try.sh >seen
cat seen
cat >expected <<'TEXT'
crun 1.8.1: created after TERM
crun 1.8.1: running after start
crun 1.8.1: stopped after KILL
crun 1.28: created after TERM
crun 1.28: running after start
crun 1.28: stopped after KILL
runc 1.1.5: stopped after TERM
runc 1.1.5: stopped after KILL
runc 1.3.6: stopped after TERM
runc 1.3.6: stopped after KILL
TEXT
diff expected seen
