#!/bin/sh
# The strings of `env` in an OCI configuration are NAME=value, as in POSIX. If one of them is only a NAME,
# crun starts the process without that variable, even if an earlier string sets it; runc does not start the
# process, and since 1.3 its message does not name the variable. Tools that write an image's `Env` unchecked
# make such images. Where `Env` is passed on unchanged, they start with crun, but not with runc.
# Seen with crun 1.8.1 and runc 1.1.5 of Debian 12, crun 1.28 and runc 1.3.6 of Debian 14, as below.
# Needs Debian 12 (whose package lists say where Debian 14's are), patchelf, busybox and root; mounts are made
# in a private mount namespace.
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
  "process": { "user": { "uid": 0, "gid": 0 }, "cwd": "/", "env": ["COLOR=red", "SHAPE=round", "COLOR"], "args": ["/bin/busybox", "env"] },
  "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }, { "destination": "/dev", "type": "tmpfs", "source": "tmpfs" }],
  "linux": { "cgroupsPath": "/finding-$$", "namespaces": [{ "type": "mount" }, { "type": "pid" }] } }
JSON
cat >try.sh <<'SH'
# crun takes no cgroup v2 that has controllers beside v1: it is hidden, and so is what is no hierarchy.
[ ! -s /sys/fs/cgroup/unified/cgroup.controllers ] || mount -t tmpfs tmpfs /sys/fs/cgroup/unified
for hierarchy in /sys/fs/cgroup/*/; do mountpoint -q "$hierarchy" || mount -t tmpfs tmpfs "$hierarchy"; done
for program in debian/usr/bin/crun later/crun debian/usr/sbin/runc later/runc; do
  "$program" --version | sed -n 's/^\(crun\|runc\) version \([0-9.]*\).*/\1 \2:/p'
  "$program" --root "$PWD/state" run --bundle bundle "$id" </dev/null 2>&1 | sed -n 's/.*\(invalid environment variable.*\)"$/\1/p; s/^COLOR.*/&/p; s/^SHAPE.*/&/p' | tr -d '\\'
  "$program" --root "$PWD/state" delete --force "$id" >/dev/null 2>&1 || true
done
SH
id=finding-$$ unshare --mount --propagation private sh try.sh >seen
cat seen
cat >expected <<'TEXT'
crun 1.8.1:
SHAPE=round
crun 1.28:
SHAPE=round
runc 1.1.5:
invalid environment variable: "COLOR"
runc 1.3.6:
invalid environment variable: missing '='
TEXT
diff expected seen
