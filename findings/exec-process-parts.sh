#!/bin/sh
# `exec --process FILE` of an OCI runtime runs a process (runtime specification, `process`) in a container. Two parts of
# it differ:
# - user.umask: runc 1.1.5 uses its own default, 022, and 1.3.6 the umask of the container's first process; both ignore
#   the file. crun uses the file's, and without one 022, whatever the container has.
# - env, which may be omitted: with crun, the process then has the container's variables; with runc, none of them.
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
  "process": { "user": { "uid": 0, "gid": 0, "umask": 63 }, "cwd": "/", "env": ["PATH=/bin", "NAME=value"], "args": ["/bin/busybox", "sleep", "1000"] },
  "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }, { "destination": "/dev", "type": "tmpfs", "source": "tmpfs" }],
  "linux": { "cgroupsPath": "/finding-$$", "namespaces": [{ "type": "mount" }, { "type": "pid" }] } }
JSON
umask_of='["/bin/busybox", "sh", "-c", "umask"]'
echo '{ "user": { "uid": 0, "gid": 0, "umask": 23 }, "cwd": "/", "env": [], "args": '"$umask_of"' }' >umask.json
echo '{ "user": { "uid": 0, "gid": 0 }, "cwd": "/", "env": [], "args": '"$umask_of"' }' >no-umask.json
echo '{ "user": { "uid": 0, "gid": 0 }, "cwd": "/", "args": ["/bin/busybox", "sh", "-c", "echo ${NAME:-none}"] }' >no-env.json
cat >try.sh <<'SH'
# crun takes no cgroup v2 that has controllers beside v1: it is hidden, and so is what is no hierarchy.
[ ! -s /sys/fs/cgroup/unified/cgroup.controllers ] || mount -t tmpfs tmpfs /sys/fs/cgroup/unified
for hierarchy in /sys/fs/cgroup/*/; do mountpoint -q "$hierarchy" || mount -t tmpfs tmpfs "$hierarchy"; done
for program in debian/usr/bin/crun later/crun debian/usr/sbin/runc later/runc; do
  name=$("$program" --version | sed -n 's/^\(crun\|runc\) version \([0-9.]*\).*/\1 \2/p')
  oci() { "$program" --root "$PWD/state" "$@" </dev/null; }
  oci create --bundle bundle "$id" >/dev/null
  oci start "$id"
  echo "$name: umask 0027 is $(oci exec --process umask.json "$id"), none $(oci exec --process no-umask.json "$id"); NAME $(oci exec --process no-env.json "$id")"
  oci delete --force "$id"
done
SH
id=finding-$$ unshare --mount --propagation private sh try.sh >seen
cat seen
cat >expected <<'TEXT'
crun 1.8.1: umask 0027 is 0027, none 0022; NAME value
crun 1.28: umask 0027 is 0027, none 0022; NAME value
runc 1.1.5: umask 0027 is 0022, none 0022; NAME none
runc 1.3.6: umask 0027 is 0077, none 0077; NAME none
TEXT
diff expected seen
