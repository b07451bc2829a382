#!/bin/sh
# A seccomp profile lists the system calls that existed when it was written. For a call that is newer than all those in
# the profile, runc returns ENOSYS, like a kernel without it, whatever the profile's default is; crun returns the
# default, EPERM. A C library tries the newest call first: after ENOSYS it tries an older one, but EPERM it returns to
# the program. So with the same profile, an image works with runc and fails with crun: here glibc 2.36, which creates
# threads with clone3 (Linux 5.3), with a profile of Linux 5.2's calls.
# A profile for both must name newer calls with the action SCMP_ACT_ERRNO and the errnoRet 38.
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
cat >thread.c <<'C'
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
static void *run(void *nothing) { return nothing; }
int main(void) {
  pthread_t thread;
  long newer = syscall(435 /* clone3 */, 0, 0);
  printf("clone3: %s", newer < 0 ? strerror(errno) : "?");
  printf(", a thread: %s\n", strerror(pthread_create(&thread, 0, run, 0)));
}
C
gcc -static -o bundle/rootfs/thread thread.c
# Every call up to the 434th, pidfd_open; clone3 is the 435th.
calls=$(echo '#include <asm/unistd_64.h>' | gcc -E -dM - | awk '$2 ~ /^__NR_/ && $3 <= 434 { print substr($2, 6) }' | jq -R . | jq -s .)
cat >config.json <<'JSON'
{ "ociVersion": "1.0.2", "root": { "path": "rootfs" },
  "process": { "user": { "uid": 0, "gid": 0 }, "cwd": "/", "env": ["PATH=/bin"], "args": ["/thread"] },
  "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }, { "destination": "/dev", "type": "tmpfs", "source": "tmpfs" }],
  "linux": { "namespaces": [{ "type": "mount" }, { "type": "pid" }],
    "seccomp": { "defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [{ "action": "SCMP_ACT_ALLOW" }] } } }
JSON
cat >try.sh <<'SH'
# try NAME PROGRAM [OPTION...]
try() {
  name=$1
  shift
  echo "$name: $("$@" --root "$PWD/state" run --bundle bundle "finding-$$" </dev/null 2>&1 | tail -n 1)"
}
each() {
  for crun in debian/usr/bin/crun later/crun; do try "$("$crun" --version | sed -n 's/ version / /p')$1" $crun --cgroup-manager=disabled; done
  for runc in debian/usr/sbin/runc later/runc; do try "$("$runc" --version | sed -n 's/^\(runc\) version \([0-9.]*\).*/\1 \2/p')$1" $runc; done
}
jq --argjson calls "$1" '.linux.seccomp.syscalls[0].names = $calls' config.json >bundle/config.json
each ""
jq '.linux.seccomp.syscalls += [{ "names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38 }]' bundle/config.json >named.json
mv named.json bundle/config.json
each ", clone3 named"
SH
unshare --mount --propagation private sh try.sh "$calls" >seen
cat seen
cat >expected <<'TEXT'
crun 1.8.1: clone3: Operation not permitted, a thread: Operation not permitted
crun 1.28: clone3: Operation not permitted, a thread: Operation not permitted
runc 1.1.5: clone3: Function not implemented, a thread: Success
runc 1.3.6: clone3: Function not implemented, a thread: Success
crun 1.8.1, clone3 named: clone3: Function not implemented, a thread: Success
crun 1.28, clone3 named: clone3: Function not implemented, a thread: Success
runc 1.1.5, clone3 named: clone3: Function not implemented, a thread: Success
runc 1.3.6, clone3 named: clone3: Function not implemented, a thread: Success
TEXT
diff expected seen
