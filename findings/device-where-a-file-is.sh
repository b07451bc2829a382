#!/bin/sh
# The OCI runtime specification (1.0 to 1.3, config-linux.md, `devices`): if a file exists at a device's path and is not
# that device, "the runtime MUST generate an error". runc and crun do not: they leave the image's file or other device
# there, with its mode and owner, and the container runs. So a program that should have a device reads and writes a file
# of its image, or another device, and no log mentions it. A caller that gives devices to containers must check their
# paths itself.
# Seen with crun 1.8.1 and runc 1.1.5 of Debian 12, crun 1.28 of Debian 14 and runc 1.5.3, as below.
# Needs Debian 12 (whose package lists say where Debian 14's are), Go, gcc, patchelf, busybox and root; mounts are made
# in a private mount namespace.
set -eu
directory=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
sh "$directory/../scripts/later-debian.sh" "$work/later" forky crun -- usr/bin/crun >&2
cd "$work"
mkdir debian build
(cd debian && apt-get download runc=1.1.5+ds1-1+deb12u1 crun=1.8.1-1+deb12u1 >/dev/null 2>&1 && for package in *.deb; do dpkg-deb -x "$package" .; done)
(cd build && go mod init finding.invalid >/dev/null 2>&1 && GOFLAGS=-mod=mod go get github.com/opencontainers/runc@v1.5.3 >/dev/null 2>&1 &&
  GOFLAGS=-mod=mod go build -o "$work/runc" github.com/opencontainers/runc)
cat >config.json <<'JSON'
{ "ociVersion": "1.0.2", "root": { "path": "rootfs" },
  "process": { "user": { "uid": 0, "gid": 0 }, "cwd": "/", "env": ["PATH=/bin"],
    "args": ["/bin/busybox", "stat", "-c", "%F, %t:%T, mode %a, user %u", "/srv/device"] },
  "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }, { "destination": "/dev", "type": "tmpfs", "source": "tmpfs" }],
  "linux": { "namespaces": [{ "type": "mount" }, { "type": "pid" }],
    "devices": [{ "path": "/srv/device", "type": "c", "major": 1, "minor": 3, "fileMode": 438, "uid": 7, "gid": 7 }] } }
JSON
cat >try.sh <<'SH'
# try NAME PROGRAM [OPTION...]
try() {
  name=$1
  shift
  for there in nothing "a file" "another device"; do
    mkdir -p bundle/rootfs/bin bundle/rootfs/proc bundle/rootfs/dev bundle/rootfs/srv
    cp "$(command -v busybox)" bundle/rootfs/bin/busybox
    cp config.json bundle/config.json
    case $there in
    "a file") echo text >bundle/rootfs/srv/device && chmod 600 bundle/rootfs/srv/device ;;
    "another device") mknod -m 600 bundle/rootfs/srv/device c 1 5 ;;
    esac
    said=$("$@" --root "$PWD/state" run --bundle bundle "finding-$$" </dev/null 2>&1)
    echo "$name, where the image has $there: $said"
    rm -r bundle
  done
}
for crun in debian/usr/bin/crun later/crun; do try "$("$crun" --version | sed -n 's/ version / /p')" $crun --cgroup-manager=disabled; done
for runc in debian/usr/sbin/runc ./runc; do try "$("$runc" --version | sed -n 's/^\(runc\) version \([0-9.]*\).*/\1 \2/p')" $runc; done
SH
unshare --mount --propagation private sh try.sh >seen
cat seen
cat >expected <<'TEXT'
crun 1.8.1, where the image has nothing: character special file, 1:3, mode 666, user 7
crun 1.8.1, where the image has a file: regular file, 0:0, mode 600, user 0
crun 1.8.1, where the image has another device: character special file, 1:5, mode 600, user 0
crun 1.28, where the image has nothing: character special file, 1:3, mode 666, user 7
crun 1.28, where the image has a file: regular file, 0:0, mode 600, user 0
crun 1.28, where the image has another device: character special file, 1:5, mode 600, user 0
runc 1.1.5, where the image has nothing: character special file, 1:3, mode 666, user 7
runc 1.1.5, where the image has a file: regular file, 0:0, mode 600, user 0
runc 1.1.5, where the image has another device: character special file, 1:5, mode 600, user 0
runc 1.5.3, where the image has nothing: character special file, 1:3, mode 666, user 7
runc 1.5.3, where the image has a file: regular file, 0:0, mode 600, user 0
runc 1.5.3, where the image has another device: character special file, 1:5, mode 600, user 0
TEXT
diff expected seen
