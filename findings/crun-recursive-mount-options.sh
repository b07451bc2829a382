#!/bin/sh
# A mount in an OCI configuration may have recursive options (runtime specification, config.md, Linux mount options):
# rro, rnoatime, rrelatime and others also apply to the mounts below it. crun passes some of them to mount_setattr(2) as
# the numbers of mount(2), which have another meaning there:
# - rrelatime becomes nosymfollow: the container cannot follow any symbolic link of the mount, and there is no error.
# - rnoatime, rnodiratime, rstrictatime, ratime and rdiratime are invalid: the container fails with "Invalid argument".
# `crun features` (1.28) lists all of them in mountOptions. rro, rnosuid, rnodev and rnoexec have the same number in
# both calls, and work. runc applies all of them correctly.
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
mkdir -p shared bundle/rootfs/bin bundle/rootfs/proc bundle/rootfs/dev
cp "$(command -v busybox)" bundle/rootfs/bin/busybox
cat >config.json <<JSON
{ "ociVersion": "1.0.2", "root": { "path": "rootfs" },
  "process": { "user": { "uid": 0, "gid": 0 }, "cwd": "/", "env": ["PATH=/bin"], "args": ["/bin/busybox", "sh", "-c",
    "busybox awk '\$5 ~ \"^/data\" { printf \"%s %s \", \$5, \$6 }' /proc/self/mountinfo; busybox cat /data/link"] },
  "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }, { "destination": "/dev", "type": "tmpfs", "source": "tmpfs" }],
  "linux": { "cgroupsPath": "/finding-$$", "namespaces": [{ "type": "mount" }, { "type": "pid" }] } }
JSON
cat >try.sh <<'SH'
# crun takes no cgroup v2 that has controllers beside v1: it is hidden, and so is what is no hierarchy.
[ ! -s /sys/fs/cgroup/unified/cgroup.controllers ] || mount -t tmpfs tmpfs /sys/fs/cgroup/unified
for hierarchy in /sys/fs/cgroup/*/; do mountpoint -q "$hierarchy" || mount -t tmpfs tmpfs "$hierarchy"; done
mount -t tmpfs tmpfs shared
echo text >shared/file
ln -s file shared/link
for program in debian/usr/bin/crun later/crun debian/usr/sbin/runc later/runc; do
  name=$("$program" --version | sed -n 's/^\(crun\|runc\) version \([0-9.]*\).*/\1 \2/p')
  for option in rnoexec rrelatime rnoatime rnodiratime rstrictatime; do
    jq --arg option $option --arg source "$PWD/shared" \
      '.mounts += [{ destination: "/data", type: "bind", source: $source, options: ["rbind", $option] }]' config.json >bundle/config.json
    seen=$("$program" --root "$PWD/state" run --bundle bundle "$id" </dev/null 2>&1) || true
    echo "$name, $option: $seen"
  done
done
SH
id=finding-$$ unshare --mount --propagation private sh try.sh >seen
cat seen
cat >expected <<'TEXT'
crun 1.8.1, rnoexec: /data rw,noexec,relatime text
crun 1.8.1, rrelatime: /data rw,relatime,nosymfollow cat: can't open '/data/link': Too many levels of symbolic links
crun 1.8.1, rnoatime: mount_setattr `/data`: Invalid argument
crun 1.8.1, rnodiratime: mount_setattr `/data`: Invalid argument
crun 1.8.1, rstrictatime: mount_setattr `/data`: Invalid argument
crun 1.28, rnoexec: /data rw,noexec,relatime text
crun 1.28, rrelatime: /data rw,relatime,nosymfollow cat: can't open '/data/link': Too many levels of symbolic links
crun 1.28, rnoatime: mount_setattr `/data`: Invalid argument
crun 1.28, rnodiratime: mount_setattr `/data`: Invalid argument
crun 1.28, rstrictatime: mount_setattr `/data`: Invalid argument
runc 1.1.5, rnoexec: /data rw,noexec,relatime text
runc 1.1.5, rrelatime: /data rw,relatime text
runc 1.1.5, rnoatime: /data rw,noatime text
runc 1.1.5, rnodiratime: /data rw,nodiratime,relatime text
runc 1.1.5, rstrictatime: /data rw text
runc 1.3.6, rnoexec: /data rw,noexec,relatime text
runc 1.3.6, rrelatime: /data rw,relatime text
runc 1.3.6, rnoatime: /data rw,noatime text
runc 1.3.6, rnodiratime: /data rw,nodiratime,relatime text
runc 1.3.6, rstrictatime: /data rw text
TEXT
diff expected seen
