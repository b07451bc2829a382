#!/bin/sh
# `kill ID SIGNAL` of an OCI runtime: the image specification (config.md, StopSignal) has "SIGRTMIN+3" as an example of
# a signal's name, which images with systemd use. Runtimes know different names:
# - runc knows no names of real-time signals, nor SIGPOLL and SIGIOT.
# - crun knows no names in lower case, which runc accepts, nor SIGPOLL, SIGIOT and SIGRTMAX-N. 1.28 fails with an error.
#   1.8.1 sends signal 0, which does nothing, and succeeds: a stop by `crun kill ID sigterm`, or with a typing error in
#   the name, has no effect.
# Numbers work for all of them, so callers must convert names to numbers.
# Seen with crun 1.8.1 and runc 1.1.5 of Debian 12, crun 1.28 and runc 1.3.6 of Debian 14, as below.
# Needs Debian 12 (whose package lists say where Debian 14's are), patchelf, busybox and root; mounts are made in a
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
# The program takes each signal by its number, and says which one it was.
cat >bundle/rootfs/bin/program <<'SH'
for number in 6 10 29 37 38 64; do trap "echo $number" "$number"; done
echo ready
while :; do /bin/busybox sleep 0.1; done
SH
cat >bundle/config.json <<JSON
{ "ociVersion": "1.0.2", "root": { "path": "rootfs" },
  "process": { "user": { "uid": 0, "gid": 0 }, "cwd": "/", "env": ["PATH=/bin"], "args": ["/bin/busybox", "sh", "/bin/program"] },
  "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }, { "destination": "/dev", "type": "tmpfs", "source": "tmpfs" }],
  "linux": { "cgroupsPath": "/finding-$$", "namespaces": [{ "type": "mount" }, { "type": "pid" }] } }
JSON
cat >try.sh <<'SH'
# crun takes no cgroup v2 that has controllers beside v1: it is hidden, and so is what is no hierarchy.
[ ! -s /sys/fs/cgroup/unified/cgroup.controllers ] || mount -t tmpfs tmpfs /sys/fs/cgroup/unified
for hierarchy in /sys/fs/cgroup/*/; do mountpoint -q "$hierarchy" || mount -t tmpfs tmpfs "$hierarchy"; done
id=$1
# Waits at most ten seconds for a line of the program.
until_said() { for _ in $(seq 100); do ! grep -q -x "$1" output || return 0; sleep 0.1; done; echo "waited in vain for $1" >&2; oci delete --force "$id"; exit 1; }
for program in debian/usr/bin/crun later/crun debian/usr/sbin/runc later/runc; do
  name=$("$program" --version | sed -n 's/^\(crun\|runc\) version \([0-9.]*\).*/\1 \2/p')
  oci() { "$program" --root "$PWD/state" "$@" </dev/null 2>>log; }
  : >output
  oci create --bundle bundle "$id" >>output
  oci start "$id"
  until_said ready
  heard="" refused="" lost=""
  for signal in SIGUSR1:10 sigusr1:10 SIGIOT:6 SIGPOLL:29 SIGRTMIN+3:37 SIGRTMAX-26:38 37:37; do
    : >output
    if oci kill "$id" "${signal%:*}"; then
      # The shell runs its traps in the order of their numbers: this one is heard last, and in any case.
      oci kill "$id" 64
      until_said 64
      grep -q -x "${signal#*:}" output && heard="$heard ${signal%:*}" || lost="$lost ${signal%:*}"
    else
      refused="$refused ${signal%:*}"
    fi
  done
  oci delete --force "$id"
  echo "$name: heard$heard; refused${refused:- none}; sent as nothing${lost:- none}"
done
SH
unshare --mount --propagation private sh try.sh "finding-$$" >seen
cat seen
cat >expected <<'TEXT'
crun 1.8.1: heard SIGUSR1 SIGRTMIN+3 37; refused none; sent as nothing sigusr1 SIGIOT SIGPOLL SIGRTMAX-26
crun 1.28: heard SIGUSR1 SIGRTMIN+3 37; refused sigusr1 SIGIOT SIGPOLL SIGRTMAX-26; sent as nothing none
runc 1.1.5: heard SIGUSR1 sigusr1 37; refused SIGIOT SIGPOLL SIGRTMIN+3 SIGRTMAX-26; sent as nothing none
runc 1.3.6: heard SIGUSR1 sigusr1 37; refused SIGIOT SIGPOLL SIGRTMIN+3 SIGRTMAX-26; sent as nothing none
TEXT
diff expected seen
