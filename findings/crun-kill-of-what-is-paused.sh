#!/bin/sh
# With cgroup v1, SIGKILL has no effect on a frozen process until it is thawed (cgroup-v1/freezer-subsystem.rst). `runc
# kill ID KILL` thaws a paused container, so that it ends. `crun kill ID KILL` succeeds as well, but leaves the
# container paused until someone resumes it: clients that then wait for its end, such as `docker kill` and `ctr task
# kill`, wait for ever. With cgroup v2, the kernel itself kills frozen processes, with either runtime. `delete --force`
# works with both.
# Seen with crun 1.8.1 and runc 1.1.5 of Debian 12, crun 1.28 and runc 1.3.6 of Debian 14, as below.
# Needs Debian 12 (whose package lists say where Debian 14's are), a kernel with cgroup v1's freezer at
# /sys/fs/cgroup/freezer, patchelf, busybox, jq and root; mounts are made in a private mount namespace.
set -eu
directory=$(cd "$(dirname "$0")" && pwd)
[ -d /sys/fs/cgroup/freezer ] || { echo "needs the freezer of cgroup v1 at /sys/fs/cgroup/freezer" >&2; exit 1; }
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
id=$1
for program in debian/usr/bin/crun later/crun debian/usr/sbin/runc later/runc; do
  name=$("$program" --version | sed -n 's/^\(crun\|runc\) version \([0-9.]*\).*/\1 \2/p')
  oci() { "$program" --root "$PWD/state" "$@" </dev/null 2>>log; }
  status() { sleep 1; oci state "$id" | jq -r .status; }
  oci create --bundle bundle "$id" >/dev/null
  oci start "$id"
  oci pause "$id"
  oci kill "$id" KILL && killed=succeeds || killed=fails
  echo "$name: kill $killed, then it is $(status)"
  ! oci resume "$id" || echo "$name: resumed, it is $(status)"
  oci delete --force "$id"
done
SH
unshare --mount --propagation private sh try.sh "finding-$$" >seen
cat seen
cat >expected <<'TEXT'
crun 1.8.1: kill succeeds, then it is paused
crun 1.8.1: resumed, it is stopped
crun 1.28: kill succeeds, then it is paused
crun 1.28: resumed, it is stopped
runc 1.1.5: kill succeeds, then it is stopped
runc 1.3.6: kill succeeds, then it is stopped
TEXT
diff expected seen
