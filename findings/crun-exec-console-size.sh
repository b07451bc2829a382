#!/bin/sh
# A process in an OCI configuration may have a terminal and its initial size (`consoleSize`). For
# `exec --process FILE`, crun sets the size after it has started the program: a program that reads it at its
# start, such as a shell, pager or editor, often finds 0 by 0 and assumes 80 by 24 until the client sets a
# size again. For a container's first process, which waits for `start`, and with runc, the size is set before
# the program runs.
# A client must set the size again once the program runs, and the program must handle SIGWINCH.
# Seen with crun 1.8.1 and runc 1.1.5 of Debian 12, crun 1.28 and runc 1.3.6 of Debian 14, as below.
# Needs Debian 12 (whose package lists say where Debian 14's are), patchelf, busybox, jq, python3 and root;
# mounts are made in a private mount namespace.
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
cat >config.json <<JSON
{ "ociVersion": "1.0.2", "root": { "path": "rootfs" },
  "process": { "terminal": true, "consoleSize": { "height": 50, "width": 100 }, "user": { "uid": 0, "gid": 0 }, "cwd": "/", "env": ["PATH=/bin"],
    "args": ["/bin/busybox", "stty", "size"] },
  "mounts": [
    { "destination": "/proc", "type": "proc", "source": "proc" },
    { "destination": "/dev", "type": "tmpfs", "source": "tmpfs" },
    { "destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666"] } ],
  "linux": { "cgroupsPath": "/finding-$$", "namespaces": [{ "type": "mount" }, { "type": "pid" }] } }
JSON
jq .process config.json >process.json
# terminals.py COUNT WHAT COMMAND [START DELETE]: runs a command that sends a terminal to the socket, and reads the first line written there.
cat >terminals.py <<'PY'
import array, os, socket, subprocess, sys
count, what, first, *others = sys.argv[1:]
run = lambda command: subprocess.run(command.split(), stdin=subprocess.DEVNULL, check=True)
with socket.socket(socket.AF_UNIX) as server:
    server.bind("socket")
    server.listen(1)
    server.settimeout(30)
    lines = []
    for _ in range(int(count)):
        begun = subprocess.Popen(first.split(), stdin=subprocess.DEVNULL)
        connection = server.accept()[0]
        terminal = array.array("i", connection.recvmsg(4096, socket.CMSG_SPACE(4))[1][0][2])[0]
        begun.wait()
        for command in others[:1]: run(command)
        line = b""
        while not line.endswith(b"\n"): line += os.read(terminal, 1)
        lines.append(line.strip())
        os.close(terminal)
        connection.close()
        for command in others[1:]: run(command)
os.unlink("socket")
print(f"{what}: {'always' if set(lines) == {b'50 100'} else 'not always'}")
PY
cat >try.sh <<'SH'
# crun takes no cgroup v2 that has controllers beside v1: it is hidden, and so is what is no hierarchy.
[ ! -s /sys/fs/cgroup/unified/cgroup.controllers ] || mount -t tmpfs tmpfs /sys/fs/cgroup/unified
for hierarchy in /sys/fs/cgroup/*/; do mountpoint -q "$hierarchy" || mount -t tmpfs tmpfs "$hierarchy"; done
id=$1
for program in debian/usr/bin/crun later/crun debian/usr/sbin/runc later/runc; do
  name=$("$program" --version | sed -n 's/^\(crun\|runc\) version \([0-9.]*\).*/\1 \2/p')
  oci="$program --root $PWD/state"
  cp config.json bundle/config.json
  python3 terminals.py 20 "$name: size of the first process" "$oci create --bundle bundle --console-socket $PWD/socket $id" "$oci start $id" "$oci delete --force $id"
  jq '.process |= (.terminal = false | del(.consoleSize) | .args = ["/bin/busybox", "sleep", "1000"])' config.json >bundle/config.json
  $oci create --bundle bundle "$id" </dev/null >/dev/null 2>&1
  $oci start "$id"
  python3 terminals.py 100 "$name: size of what exec runs" "$oci exec --detach --console-socket $PWD/socket --process process.json $id"
  $oci delete --force "$id"
done
SH
unshare --mount --propagation private sh try.sh "finding-$$" >seen
cat seen
cat >expected <<'TEXT'
crun 1.8.1: size of the first process: always
crun 1.8.1: size of what exec runs: not always
crun 1.28: size of the first process: always
crun 1.28: size of what exec runs: not always
runc 1.1.5: size of the first process: always
runc 1.1.5: size of what exec runs: always
runc 1.3.6: size of the first process: always
runc 1.3.6: size of what exec runs: always
TEXT
diff expected seen
