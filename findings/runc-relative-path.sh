#!/bin/sh
# An image may have a relative directory in its PATH (`ENV PATH=./node_modules/.bin:$PATH`) and a command that is found
# there: shells, execvp(3) and crun interpret it relative to the working directory. runc, since it is built with Go
# 1.19, rejects such commands ("cannot run executable found relative to current directory"), and those found by an empty
# entry of PATH, which means the working directory. So an image works with one OCI runtime and not with the other, and
# stopped working with an update of runc (amazon-eks-ami's issue 1410). crun 1.8.1 ignores empty entries; 1.28 does not.
# Seen with crun 1.8.1 and runc 1.1.5 of Debian 12, crun 1.28 of Debian 14 and runc 1.5.3, as below.
# Needs Debian 12 (whose package lists say where Debian 14's are), Go, gcc, patchelf, busybox, jq and root; mounts are
# made in a private mount namespace.
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
mkdir -p bundle/rootfs/app/tools bundle/rootfs/bin bundle/rootfs/proc bundle/rootfs/dev
cp "$(command -v busybox)" bundle/rootfs/bin/busybox
printf '#!/bin/busybox sh\necho it runs\n' >bundle/rootfs/app/tools/tool
chmod +x bundle/rootfs/app/tools/tool
cat >config.json <<'JSON'
{ "ociVersion": "1.0.2", "root": { "path": "rootfs" },
  "process": { "user": { "uid": 0, "gid": 0 }, "args": ["tool"] },
  "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }, { "destination": "/dev", "type": "tmpfs", "source": "tmpfs" }],
  "linux": { "namespaces": [{ "type": "mount" }, { "type": "pid" }] } }
JSON
cat >try.sh <<'SH'
# try NAME PROGRAM [OPTION...]
try() {
  name=$1
  shift
  for place in "/app ./tools:/bin" "/app/tools :/bin" "/app /app/tools:/bin"; do
    jq --arg cwd "${place% *}" --arg path "PATH=${place#* }" '.process.cwd = $cwd | .process.env = [$path]' config.json >bundle/config.json
    said=$("$@" --root "$PWD/state" run --bundle bundle "finding-$$" </dev/null 2>&1 | tail -n 1 | grep -o -e 'cannot run.*directory' -e 'it runs' || echo not found)
    echo "$name, in ${place% *} with PATH=${place#* }: $said"
  done
}
for crun in debian/usr/bin/crun later/crun; do try "$("$crun" --version | sed -n 's/ version / /p')" $crun --cgroup-manager=disabled; done
for runc in debian/usr/sbin/runc ./runc; do try "$("$runc" --version | sed -n 's/^\(runc\) version \([0-9.]*\).*/\1 \2/p')" $runc; done
SH
unshare --mount --propagation private sh try.sh >seen
cat seen
cat >expected <<'TEXT'
crun 1.8.1, in /app with PATH=./tools:/bin: it runs
crun 1.8.1, in /app/tools with PATH=:/bin: not found
crun 1.8.1, in /app with PATH=/app/tools:/bin: it runs
crun 1.28, in /app with PATH=./tools:/bin: it runs
crun 1.28, in /app/tools with PATH=:/bin: it runs
crun 1.28, in /app with PATH=/app/tools:/bin: it runs
runc 1.1.5, in /app with PATH=./tools:/bin: cannot run executable found relative to current directory
runc 1.1.5, in /app/tools with PATH=:/bin: cannot run executable found relative to current directory
runc 1.1.5, in /app with PATH=/app/tools:/bin: it runs
runc 1.5.3, in /app with PATH=./tools:/bin: cannot run executable found relative to current directory
runc 1.5.3, in /app/tools with PATH=:/bin: cannot run executable found relative to current directory
runc 1.5.3, in /app with PATH=/app/tools:/bin: it runs
TEXT
diff expected seen
