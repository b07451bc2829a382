#!/bin/sh
# A seccomp profile whose defaultAction allows, a rule that denies a system call, and a rule that allows it for some
# arguments: for instance, all sockets are denied except local ones. With runc and crun the exception has no effect,
# wherever it is: a rule whose action is the default one is dropped (libseccomp accepts none), so that local sockets are
# denied, too, without an error. An exception with SCMP_ACT_LOG, which allows the call as well, has no effect either:
# the rule without conditions covers it. What works is to deny with the opposite condition (SCMP_CMP_NE).
# Seen with crun 1.8.1 and runc 1.1.5 of Debian 12, crun 1.28 and runc 1.3.6 of Debian 14, as below.
# Needs Debian 12 (whose package lists say where Debian 14's are), gcc, jq, patchelf and root; mounts are made in a
# private mount namespace.
set -eu
directory=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sh "$directory/../scripts/later-debian.sh" "$work/later" forky crun runc -- usr/bin/crun usr/sbin/runc >&2
cd "$work"
mkdir debian
(cd debian && apt-get download runc=1.1.5+ds1-1+deb12u1 crun=1.8.1-1+deb12u1 >/dev/null 2>&1 && for package in *.deb; do dpkg-deb -x "$package" .; done)
mkdir -p bundle/rootfs/proc bundle/rootfs/dev
cat >sockets.c <<'C'
#include <stdio.h>
#include <sys/socket.h>
int main(void) {
  printf("local %s, ", socket(AF_UNIX, SOCK_STREAM, 0) < 0 ? "denied" : "allowed");
  printf("others %s\n", socket(AF_INET, SOCK_STREAM, 0) < 0 ? "denied" : "allowed");
  return 0;
}
C
gcc -static -o bundle/rootfs/sockets sockets.c
cat >config.json <<JSON
{ "ociVersion": "1.0.2", "root": { "path": "rootfs" },
  "process": { "user": { "uid": 0, "gid": 0 }, "cwd": "/", "args": ["/sockets"] },
  "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }, { "destination": "/dev", "type": "tmpfs", "source": "tmpfs" }],
  "linux": { "cgroupsPath": "/finding-$$", "namespaces": [{ "type": "mount" }, { "type": "pid" }],
    "seccomp": { "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"] } } }
JSON
cat >try.sh <<'SH'
# crun takes no cgroup v2 that has controllers beside v1: it is hidden, and so is what is no hierarchy.
[ ! -s /sys/fs/cgroup/unified/cgroup.controllers ] || mount -t tmpfs tmpfs /sys/fs/cgroup/unified
for hierarchy in /sys/fs/cgroup/*/; do mountpoint -q "$hierarchy" || mount -t tmpfs tmpfs "$hierarchy"; done
id=$1
deny='{ "names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": 97 }'
local='"args": [{ "index": 0, "value": 1, "op": "SCMP_CMP_EQ" }]'
not_local='"args": [{ "index": 0, "value": 1, "op": "SCMP_CMP_NE" }]'
allow="{ \"names\": [\"socket\"], \"action\": \"SCMP_ACT_ALLOW\", $local }"
log="{ \"names\": [\"socket\"], \"action\": \"SCMP_ACT_LOG\", $local }"
deny_others="{ \"names\": [\"socket\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 97, $not_local }"
for program in debian/usr/bin/crun later/crun debian/usr/sbin/runc later/runc; do
  name=$("$program" --version | sed -n 's/^\(crun\|runc\) version \([0-9.]*\).*/\1 \2/p')
  # try WHAT RULES
  try() {
    jq --argjson rules "[$2]" '.linux.seccomp.syscalls = $rules' config.json >bundle/config.json
    echo "$name: $1: $("$program" --root "$PWD/state" run --bundle bundle "$id" </dev/null 2>&1)"
  }
  try "denied" "$deny"
  try "an exception before it" "$allow, $deny"
  try "an exception after it" "$deny, $allow"
  try "a logged exception" "$log, $deny"
  try "denied by the opposite condition" "$deny_others"
done
SH
unshare --mount --propagation private sh try.sh "finding-$$" >seen
cat seen
cat >expected <<'TEXT'
crun 1.8.1: denied: local denied, others denied
crun 1.8.1: an exception before it: local denied, others denied
crun 1.8.1: an exception after it: local denied, others denied
crun 1.8.1: a logged exception: local denied, others denied
crun 1.8.1: denied by the opposite condition: local allowed, others denied
crun 1.28: denied: local denied, others denied
crun 1.28: an exception before it: local denied, others denied
crun 1.28: an exception after it: local denied, others denied
crun 1.28: a logged exception: local denied, others denied
crun 1.28: denied by the opposite condition: local allowed, others denied
runc 1.1.5: denied: local denied, others denied
runc 1.1.5: an exception before it: local denied, others denied
runc 1.1.5: an exception after it: local denied, others denied
runc 1.1.5: a logged exception: local denied, others denied
runc 1.1.5: denied by the opposite condition: local allowed, others denied
runc 1.3.6: denied: local denied, others denied
runc 1.3.6: an exception before it: local denied, others denied
runc 1.3.6: an exception after it: local denied, others denied
runc 1.3.6: a logged exception: local denied, others denied
runc 1.3.6: denied by the opposite condition: local allowed, others denied
TEXT
diff expected seen
