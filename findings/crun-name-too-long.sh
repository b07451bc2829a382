#!/bin/sh
# crun's error for a program whose name is longer than file names can be (here 320 letters): every version words it
# differently, and 1.21 and 1.28 use words that they also use for other files that they cannot open. A caller that
# derives an exit code (126) from it must check both ends of the message. The "open executable: " of 1.8.1 is used for
# nothing else.
# Seen: as below.
# Needs Debian 12 (whose package lists say where those of Debian 13 and 14 are), patchelf, busybox and root; mounts are
# made in a private mount namespace.
set -eu
directory=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for suite in trixie forky; do
  sh "$directory/../scripts/later-debian.sh" "$work/$suite" "$suite" crun -- usr/bin/crun >&2
done
mkdir "$work/bookworm"
cd "$work/bookworm"
apt-get download crun=1.8.1-1+deb12u1 >/dev/null 2>&1
dpkg-deb -x ./*.deb .
ln -s usr/bin/crun crun
cd "$work"
mkdir -p bundle/rootfs/bin bundle/rootfs/proc bundle/rootfs/dev
cp "$(command -v busybox)" bundle/rootfs/bin/busybox
name=$(printf 'exec%.0s' $(seq 80))
cat >bundle/config.json <<JSON
{ "ociVersion": "1.0.2", "root": { "path": "rootfs" },
  "process": { "user": { "uid": 0, "gid": 0 }, "cwd": "/", "env": ["PATH=/bin"], "args": ["/$name"] },
  "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }, { "destination": "/dev", "type": "tmpfs", "source": "tmpfs" }],
  "linux": { "namespaces": [{ "type": "mount" }, { "type": "pid" }] } }
JSON
cat >try.sh <<'SH'
for suite in bookworm trixie forky; do
  program=$PWD/$suite/crun id="finding-$$-$suite"
  "$program" --version | head -n 1
  "$program" --root "$PWD/state" --cgroup-manager=disabled --log "$PWD/log" --log-format json create --bundle bundle "$id" </dev/null >/dev/null 2>&1 || true
  "$program" --root "$PWD/state" delete --force "$id" >/dev/null 2>&1 || true
  sed -n 's/.*"msg" *: *"\([^"]*\)".*/\1/p' log | sed 's/exec[exec]*exec/NAME/'
  rm log
done
SH
unshare --mount --propagation private sh try.sh >seen
cat seen
cat >expected <<'TEXT'
crun version 1.8.1
open executable: File name too long
crun version 1.21
cannot open `/NAME`: File name too long
crun version 1.28
open `\/NAME`: File name too long
TEXT
diff expected seen
