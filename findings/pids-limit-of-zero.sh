#!/bin/sh
# linux.resources.pids.limit of an OCI configuration (runtime specification 1.3, config-linux.md): -1 means no limit,
# and 0 "is a valid limit", which "SHOULD be treated as such". For Docker's clients and nerdctl, 0 means no limit, and
# nerdctl's `update --pids-limit 0` passes it on.
# - For crun, and runc 1.1.5 and 1.3.6, 0 is no limit, and in `update` it changes nothing. For runc 1.5.3 it is a limit
#   of 1: a shell in such a container cannot start a program, and after an update of runc the same configuration gives
#   another container.
# - -1 is an error with crun 1.8.1.
# So to set no limit, omit it for a new container; for `update` there is no number that works with all of them.
# Seen with crun 1.8.1 and runc 1.1.5 of Debian 12, crun 1.28 and runc 1.3.6 of Debian 14 and runc 1.5.3, as below.
# Needs Debian 12 (whose package lists say where Debian 14's are), a kernel with cgroup v1's pids at
# /sys/fs/cgroup/pids, Go, gcc, libseccomp's headers, patchelf, busybox, jq and root; mounts are made in a private mount
# namespace.
set -eu
directory=$(cd "$(dirname "$0")" && pwd)
[ -d /sys/fs/cgroup/pids ] || { echo "needs pids of cgroup v1 at /sys/fs/cgroup/pids" >&2; exit 1; }
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
sh "$directory/../scripts/later-debian.sh" "$work/later" forky crun runc -- usr/bin/crun usr/sbin/runc >&2
cd "$work"
mkdir debian build newest
(cd debian && apt-get download runc=1.1.5+ds1-1+deb12u1 crun=1.8.1-1+deb12u1 >/dev/null 2>&1 && for package in *.deb; do dpkg-deb -x "$package" .; done)
(cd build && go mod init finding.invalid >/dev/null 2>&1 && GOFLAGS=-mod=mod go get github.com/opencontainers/runc@v1.5.3 >/dev/null 2>&1 &&
  GOFLAGS=-mod=mod go build -o "$work/newest/runc" github.com/opencontainers/runc)
mkdir -p bundle/rootfs/bin bundle/rootfs/proc bundle/rootfs/dev
cp "$(command -v busybox)" bundle/rootfs/bin/busybox
cat >config.json <<JSON
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
for program in debian/usr/bin/crun later/crun debian/usr/sbin/runc later/runc newest/runc; do
  name=$("$program" --version | sed -n 's/^\(crun\|runc\) version \([0-9.]*\).*/\1 \2/p')
  oci() { "$program" --root "$PWD/state" "$@" </dev/null 2>>log; }
  limit() { cat "/sys/fs/cgroup/pids/$id/pids.max"; }
  for asked in 0 -1; do
    jq --argjson limit "$asked" '.linux.resources.pids.limit = $limit' config.json >bundle/config.json
    created=fails
    ! oci create --bundle bundle "$id" >/dev/null || created=$(limit)
    oci delete --force "$id" || true
    jq '.linux.resources.pids.limit = 7' config.json >bundle/config.json
    oci create --bundle bundle "$id" >/dev/null
    printf '{ "pids": { "limit": %s } }' "$asked" >resources.json
    updated=fails
    ! oci update --resources resources.json "$id" || updated=$(limit)
    oci delete --force "$id"
    echo "$name: limit $asked: created $created, updated from 7 $updated"
  done
  jq '.linux.resources.pids.limit = 0 | .process.args = ["/bin/busybox", "sh", "-c", "/bin/busybox true && /bin/busybox true"]' config.json >bundle/config.json
  oci run --bundle bundle "$id" && ran="runs programs" || ran="runs none"
  echo "$name: limit 0: a shell $ran"
  oci delete --force "$id" || true
done
SH
unshare --mount --propagation private sh try.sh "finding-$$" >seen
cat seen
cat >expected <<'TEXT'
crun 1.8.1: limit 0: created max, updated from 7 7
crun 1.8.1: limit -1: created fails, updated from 7 fails
crun 1.8.1: limit 0: a shell runs programs
crun 1.28: limit 0: created max, updated from 7 7
crun 1.28: limit -1: created max, updated from 7 max
crun 1.28: limit 0: a shell runs programs
runc 1.1.5: limit 0: created max, updated from 7 7
runc 1.1.5: limit -1: created max, updated from 7 max
runc 1.1.5: limit 0: a shell runs programs
runc 1.3.6: limit 0: created max, updated from 7 7
runc 1.3.6: limit -1: created max, updated from 7 max
runc 1.3.6: limit 0: a shell runs programs
runc 1.5.3: limit 0: created 1, updated from 7 1
runc 1.5.3: limit -1: created max, updated from 7 max
runc 1.5.3: limit 0: a shell runs none
TEXT
diff expected seen
