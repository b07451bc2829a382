#!/bin/sh
# What a program that an OCI runtime's `exec` runs in a container gets from the container's process configuration:
# - `exec ID PROGRAM`: with runc its rlimits and oomScoreAdj, and with 1.3.6 its scheduler and ioPriority. With crun
#   none of the four: the program has those of crun's caller. So what an operator runs in a container can open more
#   files than the container may, and competes for CPU and disk with those to which the container should yield.
# - `exec --process FILE`, as used by monitors such as conmon: both apply the file's rlimits, and the newer versions its
#   scheduler and ioPriority. Neither applies its oomScoreAdj: runc gives the program the container's, crun its
#   caller's, as above. So with crun, a probe or shell in a pod has the score of the daemon that runs it (-999 with
#   CRI-O's and containerd's units), and the kernel kills everything else in the pod first. With crun, callers must set
#   the score themselves, before or after.
# Seen with crun 1.8.1 and runc 1.1.5 of Debian 12, crun 1.28 and runc 1.3.6 of Debian 14, as below. The file has 700
# where the container has 600.
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
mkdir -p bundle/rootfs/bin bundle/rootfs/proc bundle/rootfs/dev
cp "$(command -v busybox)" bundle/rootfs/bin/busybox
cat >bundle/config.json <<JSON
{ "ociVersion": "1.0.2", "root": { "path": "rootfs" },
  "process": { "user": { "uid": 0, "gid": 0 }, "cwd": "/", "env": ["PATH=/bin"], "args": ["/bin/busybox", "sleep", "1000"],
    "oomScoreAdj": 600, "rlimits": [{ "type": "RLIMIT_NOFILE", "soft": 500, "hard": 500 }],
    "scheduler": { "policy": "SCHED_BATCH", "nice": 5 }, "ioPriority": { "class": "IOPRIO_CLASS_BE", "priority": 6 } },
  "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }, { "destination": "/dev", "type": "tmpfs", "source": "tmpfs" }],
  "linux": { "cgroupsPath": "/finding-$$", "namespaces": [{ "type": "mount" }, { "type": "pid" }] } }
JSON
look='echo "files $(ulimit -n), oom_score_adj $(busybox cat /proc/self/oom_score_adj), nice $(busybox awk "{ print \$19 }" /proc/self/stat), I/O $(busybox ionice)"'
jq --arg look "$look" '.process | .args = ["/bin/busybox", "sh", "-c", $look] | .oomScoreAdj = 700' bundle/config.json >whole.json
cat >try.sh <<'SH'
# crun takes no cgroup v2 that has controllers beside v1: it is hidden, and so is what is no hierarchy.
[ ! -s /sys/fs/cgroup/unified/cgroup.controllers ] || mount -t tmpfs tmpfs /sys/fs/cgroup/unified
for hierarchy in /sys/fs/cgroup/*/; do mountpoint -q "$hierarchy" || mount -t tmpfs tmpfs "$hierarchy"; done
ulimit -n 1000
echo 100 >/proc/self/oom_score_adj
for program in debian/usr/bin/crun later/crun debian/usr/sbin/runc later/runc; do
  name=$("$program" --version | sed -n 's/^\(crun\|runc\) version \([0-9.]*\).*/\1 \2/p')
  oci() { "$program" --root "$PWD/state" "$@" </dev/null; }
  oci create --bundle bundle "$id" >/dev/null
  oci start "$id"
  echo "$name: $(oci exec "$id" /bin/busybox sh -c "$look")"
  echo "$name, --process: $(oci exec --process whole.json "$id")"
  oci delete --force "$id"
done
SH
id=finding-$$ look=$look unshare --mount --propagation private sh try.sh >seen
cat seen
cat >expected <<'TEXT'
crun 1.8.1: files 1000, oom_score_adj 100, nice 0, I/O none: prio 0
crun 1.8.1, --process: files 500, oom_score_adj 100, nice 0, I/O none: prio 0
crun 1.28: files 1000, oom_score_adj 100, nice 0, I/O none: prio 0
crun 1.28, --process: files 500, oom_score_adj 100, nice 5, I/O best-effort: prio 6
runc 1.1.5: files 500, oom_score_adj 600, nice 0, I/O none: prio 0
runc 1.1.5, --process: files 500, oom_score_adj 600, nice 0, I/O none: prio 0
runc 1.3.6: files 500, oom_score_adj 600, nice 5, I/O best-effort: prio 6
runc 1.3.6, --process: files 500, oom_score_adj 600, nice 5, I/O best-effort: prio 6
TEXT
diff expected seen
