#!/bin/sh
# conmon reads commands from its FIFO `ctl`, one per line: `1 HEIGHT WIDTH` sets the terminal's size, `2 0 0` reopens
# the log at its path. If it reads several lines at once, it executes only the first and drops the others without a log
# line. So a client that resizes and rotates must wait until the FIFO is empty before it writes the next line.
# Seen with conmon 2.1.6 of Debian 12 and 2.1.13 of Debian 14, as below.
# Needs Debian 12 (whose package lists say where Debian 14's are), patchelf, crun, busybox and root; mounts are made in
# a private mount namespace.
set -eu
directory=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sh "$directory/../scripts/later-debian.sh" "$work/later" forky conmon -- usr/bin/conmon >&2
mkdir "$work/debian"
(cd "$work/debian" && apt-get download conmon=2.1.6+ds1-1 crun=1.8.1-1+deb12u1 >/dev/null 2>&1 && for package in *.deb; do dpkg-deb -x "$package" .; done)
cd "$work"
mkdir -p bundle/rootfs/bin bundle/rootfs/proc bundle/rootfs/dev
cp "$(command -v busybox)" bundle/rootfs/bin/busybox
cat >bundle/config.json <<'JSON'
{ "ociVersion": "1.0.2", "root": { "path": "rootfs" },
  "process": { "terminal": true, "user": { "uid": 0, "gid": 0 }, "cwd": "/", "env": ["PATH=/bin"],
    "args": ["/bin/busybox", "sh", "-c", "while busybox sleep 0.1; do busybox stty size; done"] },
  "mounts": [
    { "destination": "/proc", "type": "proc", "source": "proc" },
    { "destination": "/dev", "type": "tmpfs", "source": "tmpfs" },
    { "destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666"] } ],
  "linux": { "namespaces": [{ "type": "mount" }, { "type": "pid" }] } }
JSON
cat >try.sh <<'SH'
# Waits at most ten seconds for what a command finds.
until_there() {
  for _ in $(seq 100); do "$@" && return; sleep 0.1; done
  echo "waited in vain: $*" >&2; exit 1
}
# try CONMON HOW: resizes to 30 by 100 and opens the log anew, by one write or by two.
try() {
  id="finding-$$-$2"
  mkdir "$id"
  runtime="$PWD/debian/usr/bin/crun"
  "$1" --terminal --cid "$id" --cuuid "$id" --name "$id" --bundle "$PWD/bundle" --runtime "$runtime" --persist-dir "$PWD/$id" --socket-dir-path "$PWD/$id" \
    --runtime-arg --root="$PWD/state" --runtime-arg --cgroup-manager=disabled --log-path "k8s-file:$PWD/$id/log" \
    --conmon-pidfile "$PWD/$id/conmon.pid" --container-pidfile "$PWD/$id/pid" </dev/null >/dev/null 2>&1
  until_there test -s "$id/pid"
  "$runtime" --root "$PWD/state" --cgroup-manager=disabled start "$id"
  until_there grep -q '[0-9]' "$id/log"
  mv "$id/log" "$id/log.1"
  case $2 in
    once) printf '1 30 100\n2 0 0\n' >"bundle/ctl" ;;
    twice) printf '1 30 100\n' >"bundle/ctl"; sleep 1; printf '2 0 0\n' >"bundle/ctl" ;;
  esac
  sleep 2
  grep -qs . "$id/log" && log="opened anew" || log="not opened anew"
  cat "$id"/log* | grep -q '30 100' && size="30 100" || size="the old one"
  echo "$("$1" --version | head -n 1), written $2: size $size, log $log"
  "$runtime" --root "$PWD/state" --cgroup-manager=disabled delete --force "$id"
}
for conmon in debian/usr/bin/conmon later/conmon; do
  try "$conmon" once
  rm -rf finding-*
  try "$conmon" twice
  rm -rf finding-*
done
SH
unshare --mount sh try.sh >seen
cat seen
cat >expected <<'TEXT'
conmon version 2.1.6, written once: size 30 100, log not opened anew
conmon version 2.1.6, written twice: size 30 100, log opened anew
conmon version 2.1.13, written once: size 30 100, log not opened anew
conmon version 2.1.13, written twice: size 30 100, log opened anew
TEXT
diff expected seen
