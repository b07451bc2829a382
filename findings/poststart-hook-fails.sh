#!/bin/sh
# A failing hook of the stage poststart. According to the OCI runtime specification (1.0 to 1.3), these hooks run within
# `start`, after the user's program was started. Seen:
# - runc 1.5.3 (and 1.1.5) runs them within `create`, before the program, and `create` fails: no container is left.
# - crun 1.8.1 (and 1.21) runs them within `start`, and continues without an entry in its log; the container runs.
# - crun 1.28 of Debian 14: `start` fails, and the container is removed.
# Needs Go, gcc, Debian 12 (whose package lists say where Debian 14's are), patchelf, busybox and root; mounts are made
# in a private mount namespace.
set -eu
directory=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
sh "$directory/../scripts/later-debian.sh" "$work/later" forky crun -- usr/bin/crun >&2
mkdir debian build
(cd debian && apt-get download crun=1.8.1-1+deb12u1 >/dev/null 2>&1 && dpkg-deb -x ./*.deb .)
(cd build && go mod init finding.invalid >/dev/null 2>&1 && GOFLAGS=-mod=mod go get github.com/opencontainers/runc@v1.5.3 >/dev/null 2>&1 &&
  GOFLAGS=-mod=mod go build -o "$work/runc" github.com/opencontainers/runc)
mkdir -p bundle/rootfs/bin bundle/rootfs/proc bundle/rootfs/dev
cp "$(command -v busybox)" bundle/rootfs/bin/busybox
printf '#!/bin/sh\ncat >/dev/null\nexit 3\n' >hook.sh
chmod +x hook.sh
cat >bundle/config.json <<JSON
{ "ociVersion": "1.0.2", "root": { "path": "rootfs" },
  "process": { "user": { "uid": 0, "gid": 0 }, "cwd": "/", "env": ["PATH=/bin"], "args": ["/bin/busybox", "sleep", "1000"] },
  "hooks": { "poststart": [{ "path": "$work/hook.sh" }] },
  "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }, { "destination": "/dev", "type": "tmpfs", "source": "tmpfs" }],
  "linux": { "namespaces": [{ "type": "mount" }, { "type": "pid" }] } }
JSON
cat >try.sh <<'SH'
# try NAME PROGRAM [OPTION...]
try() {
  name=$1 id="finding-$$-$(basename "$2")"
  shift
  call() { "$@" </dev/null >/dev/null 2>&1 && echo succeeds || echo fails; }
  echo "$name: create $(call "$@" --root "$PWD/state" --log "$PWD/log" create --bundle bundle "$id")"
  echo "$name: start $(call "$@" --root "$PWD/state" --log "$PWD/log" start "$id")"
  "$@" --root "$PWD/state" state "$id" 2>/dev/null | grep -q '"status": "running"' && state=runs || state="is not there"
  echo "$name: the container $state"
  "$@" --root "$PWD/state" delete --force "$id" >/dev/null 2>&1 || true
}
try runc ./runc
for crun in debian/usr/bin/crun later/crun; do
  try "$("$crun" --version | sed -n 's/ version / /p')" $crun --cgroup-manager=disabled
done
SH
unshare --mount sh try.sh >seen
cat seen
cat >expected <<'TEXT'
runc: create fails
runc: start fails
runc: the container is not there
crun 1.8.1: create succeeds
crun 1.8.1: start succeeds
crun 1.8.1: the container runs
crun 1.28: create succeeds
crun 1.28: start fails
crun 1.28: the container is not there
TEXT
diff expected seen
