#!/bin/sh
# runc 1.1.5 of Debian 12 bind-mounts its own program for a moment below the container's state directory, for each
# `create` and `exec`. If it is killed in that moment (because memory runs out, or its caller has waited long enough),
# the mount remains, and from then on its commands disagree about the container (runc's issue 3885): `state` and `list`
# do not know it, `delete` and `delete --force` succeed with "device or resource busy" on standard error, and `create`
# says that the identifier is in use. The same happens to the container of a killed `exec` when it is deleted later.
# Exit codes do not show any of it; to remove the state directory, a caller must unmount first. The runc of Debian 13
# (1.1.15) has no such mount.
# Here strace kills it when it would unmount.
# Seen with runc 1.1.5 of Debian 12 and 1.1.15 of Debian 13, as below.
# Needs Debian 12 (whose package lists say where Debian 13's are), patchelf, busybox, strace and root; mounts are made
# in a private mount namespace.
set -eu
directory=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sh "$directory/../scripts/later-debian.sh" "$work/later" trixie runc -- usr/sbin/runc >&2
cd "$work"
mkdir debian
(cd debian && apt-get download runc=1.1.5+ds1-1+deb12u1 >/dev/null 2>&1 && dpkg-deb -x runc_*.deb .)
mkdir -p bundle/rootfs/bin bundle/rootfs/proc bundle/rootfs/dev
cp "$(command -v busybox)" bundle/rootfs/bin/busybox
cat >bundle/config.json <<JSON
{ "ociVersion": "1.0.2", "root": { "path": "rootfs" },
  "process": { "user": { "uid": 0, "gid": 0 }, "cwd": "/", "env": ["PATH=/bin"], "args": ["/bin/busybox", "sleep", "1000"] },
  "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }, { "destination": "/dev", "type": "tmpfs", "source": "tmpfs" }],
  "linux": { "cgroupsPath": "/finding-$$", "namespaces": [{ "type": "mount" }, { "type": "pid" }] } }
JSON
cat >try.sh <<'SH'
id=$1
# Of each command: whether it succeeds, and the end of what it says last.
tell() {
  command=$1
  shift
  "$@" </dev/null >/dev/null 2>said && how=succeeds || how=fails
  echo "$name: $command $how$(sed -n '$s/.*\(: device or resource busy\|: container does not exist\|: .*already exists\)"*$/\1/p' said)"
}
for program in debian/usr/sbin/runc later/runc; do
  name=$("$program" --version | sed -n 's/^\(runc\) version \([0-9.]*\).*/\1 \2/p')
  oci() { "$program" --root "$PWD/state" "$@" </dev/null; }
  killed() { strace -f -qq -o trace --inject=umount2:signal=KILL:when=1 "$program" --root "$PWD/state" "$@"; }
  after() {
    tell "state" oci state "$id"
    tell "delete --force" oci delete --force "$id"
    echo "$name: $(find state -name 'runc.*' | wc -l) mounted of it"
    tell "create" oci create --bundle bundle "$id"
    oci delete --force "$id" 2>/dev/null
    umount state/*/runc.* 2>/dev/null || true
    rm -rf state
  }
  tell "killed in create," killed create --bundle bundle "$id"
  after
  oci create --bundle bundle "$id"
  oci start "$id"
  tell "killed in exec," killed exec "$id" /bin/busybox true
  oci kill "$id" KILL
  for _ in $(seq 100); do oci state "$id" | grep -q stopped && break; sleep 0.1; done
  tell "delete" oci delete "$id"
  after
done
SH
unshare --mount --propagation private sh try.sh "finding-$$" >seen
cat seen
cat >expected <<'TEXT'
runc 1.1.5: killed in create, fails
runc 1.1.5: state fails
runc 1.1.5: delete --force succeeds: device or resource busy
runc 1.1.5: 1 mounted of it
runc 1.1.5: create fails: container with given ID already exists
runc 1.1.5: killed in exec, fails
runc 1.1.5: delete succeeds: device or resource busy
runc 1.1.5: state fails
runc 1.1.5: delete --force succeeds: device or resource busy
runc 1.1.5: 1 mounted of it
runc 1.1.5: create fails: container with given ID already exists
runc 1.1.15: killed in create, fails
runc 1.1.15: state fails
runc 1.1.15: delete --force succeeds
runc 1.1.15: 0 mounted of it
runc 1.1.15: create succeeds
runc 1.1.15: killed in exec, succeeds
runc 1.1.15: delete succeeds
runc 1.1.15: state fails
runc 1.1.15: delete --force succeeds
runc 1.1.15: 0 mounted of it
runc 1.1.15: create succeeds
TEXT
diff expected seen
