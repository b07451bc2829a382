#!/bin/sh
# A mount in an OCI configuration may have a propagation among its options: shared, slave or unbindable. runc applies
# it. crun makes all mounts of a container private in the end if the configuration has no linux.rootfsPropagation, which
# is optional: the option then has no effect, without a warning, and mounts that such a container makes there are not
# visible outside. With rootfsPropagation "private", which is only for the root, crun leaves the mounts as requested,
# too.
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
  "process": { "user": { "uid": 0, "gid": 0 }, "cwd": "/", "env": ["PATH=/bin"],
    "args": ["/bin/busybox", "awk", "\$5 ~ \"^/(a|b)$\" { sub(/:.*/, \"\", \$7); print \$5 \" \" \$7 }", "/proc/self/mountinfo"] },
  "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }, { "destination": "/dev", "type": "tmpfs", "source": "tmpfs" },
    { "destination": "/a", "type": "bind", "source": "$work/shared", "options": ["rbind", "rshared"] },
    { "destination": "/b", "type": "bind", "source": "$work/shared", "options": ["rbind", "unbindable"] }],
  "linux": { "cgroupsPath": "/finding-$$", "namespaces": [{ "type": "mount" }, { "type": "pid" }] } }
JSON
cat >try.sh <<'SH'
# crun takes no cgroup v2 that has controllers beside v1: it is hidden, and so is what is no hierarchy.
[ ! -s /sys/fs/cgroup/unified/cgroup.controllers ] || mount -t tmpfs tmpfs /sys/fs/cgroup/unified
for hierarchy in /sys/fs/cgroup/*/; do mountpoint -q "$hierarchy" || mount -t tmpfs tmpfs "$hierarchy"; done
mount --bind shared shared
mount --make-shared shared
for program in debian/usr/bin/crun later/crun debian/usr/sbin/runc later/runc; do
  name=$("$program" --version | sed -n 's/^\(crun\|runc\) version \([0-9.]*\).*/\1 \2/p')
  mounts() {
    jq "$1" config.json >bundle/config.json
    "$program" --root "$PWD/state" run --bundle bundle "$id" </dev/null | sed 's/ -$/ private/' | paste -s -d ,
  }
  echo "$name: $(mounts .)"
  echo "$name, root private: $(mounts '.linux.rootfsPropagation = "private"')"
done
SH
id=finding-$$ unshare --mount --propagation private sh try.sh >seen
cat seen
cat >expected <<'TEXT'
crun 1.8.1: /a private,/b private
crun 1.8.1, root private: /a shared,/b unbindable
crun 1.28: /a private,/b private
crun 1.28, root private: /a shared,/b unbindable
runc 1.1.5: /a shared,/b unbindable
runc 1.1.5, root private: /a shared,/b unbindable
runc 1.3.6: /a shared,/b unbindable
runc 1.3.6, root private: /a shared,/b unbindable
TEXT
diff expected seen
