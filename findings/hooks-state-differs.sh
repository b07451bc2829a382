#!/bin/sh
# An OCI runtime passes the container's state to each hook (runtime specification: id, status, pid, bundle). runc and
# crun differ in it, so a hook that was written for one misreads the other's:
# - Before the container is created, in prestart and createRuntime, the status is "creating" with runc, as in the
#   specification, and "created" with crun.
# - In createContainer and startContainer, which run inside, the pid is that in the PID namespace, 1, with runc, and 0
#   with crun. The working directory of createContainer is the bundle with crun, and the root file system with runc.
# - In startContainer, the bundle is its path with runc and "/" with crun; and crun's status is "starting", which the
#   specification does not have.
# - In poststart, the status is "created" with runc (which runs these hooks in create, see poststart-hook-fails.sh) and
#   "running" with crun.
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
mkdir -p bundle/rootfs/bin bundle/rootfs/proc bundle/rootfs/dev bundle/rootfs/states states
cp "$(command -v busybox)" bundle/rootfs/bin/busybox
cp "$(command -v busybox)" busybox
# It runs on the machine and inside, where the files are in /states.
cat >hook <<SH
#!$work/busybox sh
[ -d /states ] && states=/states || states=$work/states
{ "$work/busybox" pwd; "$work/busybox" cat; } >"\$states/\$1"
SH
chmod +x hook
mkdir -p "bundle/rootfs$work"
touch "bundle/rootfs$work/hook" "bundle/rootfs$work/busybox"
jq -n --arg work "$work" '{ ociVersion: "1.0.2", root: { path: "rootfs" },
  process: { user: { uid: 0, gid: 0 }, cwd: "/", env: ["PATH=/bin"], args: ["/bin/busybox", "true"] },
  hooks: (["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]
    | map({ key: ., value: [{ path: "\($work)/hook", args: ["hook", .] }] }) | from_entries),
  mounts: ([{ destination: "/proc", type: "proc", source: "proc" }, { destination: "/dev", type: "tmpfs", source: "tmpfs" },
      { destination: "/states", type: "bind", source: "\($work)/states", options: ["bind"] }]
    + (["hook", "busybox"] | map({ destination: "\($work)/\(.)", type: "bind", source: "\($work)/\(.)", options: ["bind"] }))),
  linux: { namespaces: [{ type: "mount" }, { type: "pid" }] } }' >bundle/config.json
cat >try.sh <<'SH'
# try NAME PROGRAM [OPTION...]
try() {
  name=$1
  shift
  "$@" --root "$PWD/state" run --bundle bundle "finding-$$" </dev/null >log 2>&1 || { cat log; exit 1; }
  for hook in prestart createRuntime createContainer startContainer poststart poststop; do
    state=$(tail -n +2 "states/$hook" | jq -r '"\(.status), pid \(if .pid == null or .pid < 2 then .pid else "of the machine" end), bundle \(.bundle)"')
    echo "$name, $hook: $state, in $(head -n 1 "states/$hook")" | sed "s#$PWD/##g"
  done
  rm states/*
}
for crun in debian/usr/bin/crun later/crun; do try "$("$crun" --version | sed -n 's/ version / /p')" $crun --cgroup-manager=disabled; done
for runc in debian/usr/sbin/runc later/runc; do try "$("$runc" --version | sed -n 's/^\(runc\) version \([0-9.]*\).*/\1 \2/p')" $runc; done
SH
unshare --mount --propagation private sh try.sh >seen
cat seen
cat >expected <<'TEXT'
crun 1.8.1, prestart: created, pid of the machine, bundle bundle, in bundle
crun 1.8.1, createRuntime: created, pid of the machine, bundle bundle, in bundle
crun 1.8.1, createContainer: created, pid 0, bundle bundle, in bundle
crun 1.8.1, startContainer: starting, pid 0, bundle /, in /
crun 1.8.1, poststart: running, pid of the machine, bundle bundle, in bundle
crun 1.8.1, poststop: stopped, pid 0, bundle bundle, in bundle
crun 1.28, prestart: created, pid of the machine, bundle bundle, in bundle
crun 1.28, createRuntime: created, pid of the machine, bundle bundle, in bundle
crun 1.28, createContainer: created, pid 0, bundle bundle, in bundle
crun 1.28, startContainer: starting, pid 0, bundle /, in /
crun 1.28, poststart: running, pid of the machine, bundle bundle, in bundle
crun 1.28, poststop: stopped, pid 0, bundle bundle, in bundle
runc 1.1.5, prestart: creating, pid of the machine, bundle bundle, in bundle
runc 1.1.5, createRuntime: creating, pid of the machine, bundle bundle, in bundle
runc 1.1.5, createContainer: creating, pid 1, bundle bundle, in bundle/rootfs
runc 1.1.5, startContainer: created, pid 1, bundle bundle, in /
runc 1.1.5, poststart: created, pid of the machine, bundle bundle, in bundle
runc 1.1.5, poststop: stopped, pid null, bundle bundle, in bundle
runc 1.3.6, prestart: creating, pid of the machine, bundle bundle, in bundle
runc 1.3.6, createRuntime: creating, pid of the machine, bundle bundle, in bundle
runc 1.3.6, createContainer: creating, pid 1, bundle bundle, in bundle/rootfs
runc 1.3.6, startContainer: created, pid 1, bundle bundle, in /
runc 1.3.6, poststart: created, pid of the machine, bundle bundle, in bundle
runc 1.3.6, poststop: stopped, pid null, bundle bundle, in bundle
TEXT
diff expected seen
