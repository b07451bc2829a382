#!/bin/sh
# Interfaces of VLANs have a dot in their names (eth0.100). sysctl(8) names their parameters
# `net.ipv4.conf.eth0/100.rp_filter`, or with slashes, `net/ipv4/conf/eth0.100/rp_filter` (sysctl.d(5)); so do
# Kubernetes' pods, since its page on sysctls refers to that. crun, runc and CNI's tuning plugin treat every dot and
# slash as a directory separator, look for eth0/100, and fail: they cannot set such a parameter. tuning 1.10.0 can with
# the word IFNAME, only for the pod's own interface; 1.1.1 cannot.
# Seen with crun 1.8.1, runc 1.1.5 and tuning 1.1.1 of Debian 12, crun 1.28 of Debian 14, runc 1.5.3 and tuning 1.10.0,
# as below.
# Needs Debian 12 (whose package lists say where Debian 14's are), Go, gcc, busybox, iproute2, jq, patchelf, procps and
# root; everything happens in private namespaces.
set -eu
directory=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
sh "$directory/../scripts/later-debian.sh" "$work/later" forky crun -- usr/bin/crun >&2
cd "$work"
mkdir debian
(cd debian && apt-get download runc=1.1.5+ds1-1+deb12u1 crun=1.8.1-1+deb12u1 containernetworking-plugins=1.1.1+ds1-3+b5 >/dev/null 2>&1 &&
  for package in *.deb; do dpkg-deb -x "$package" .; done)
# build MODULE@VERSION PACKAGE
build() {
  mkdir build
  (cd build && go mod init finding.invalid >/dev/null 2>&1 && GOFLAGS=-mod=mod go get "$1" >/dev/null 2>&1 && GOFLAGS=-mod=mod go build -o "$work/" "$2")
  chmod -R u+w build
  rm -rf build
}
build github.com/opencontainers/runc@v1.5.3 github.com/opencontainers/runc
build github.com/containernetworking/plugins@v1.10.0 github.com/containernetworking/plugins/plugins/meta/tuning
mkdir -p bundle/rootfs/bin bundle/rootfs/proc bundle/rootfs/dev
cp "$(command -v busybox)" bundle/rootfs/bin/busybox
cat >config.json <<JSON
{ "ociVersion": "1.0.2", "root": { "path": "rootfs" },
  "process": { "user": { "uid": 0, "gid": 0 }, "cwd": "/", "env": ["PATH=/bin"], "args": ["/bin/busybox", "true"] },
  "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }, { "destination": "/dev", "type": "tmpfs", "source": "tmpfs" }],
  "linux": { "namespaces": [{ "type": "mount" }, { "type": "pid" }, { "type": "network", "path": "$work/pod" }] } }
JSON
cat >try.sh <<'SH'
mount -t tmpfs tmpfs /run
touch pod
unshare --net=pod true
pod() { nsenter --net=pod "$@"; }
pod ip link add eth0.100 type veth peer name other
file=/proc/sys/net/ipv4/conf/eth0.100/rp_filter
# try WHO NAME COMMAND...
try() {
  echo "$1, $2: $(shift 2; pod sh -c "echo 0 >$file"; "$@" </dev/null >answer 2>&1 && echo succeeds || echo fails), it is $(pod cat $file)"
}
oci() {
  jq --arg name "$name" '.linux.sysctl[$name] = "2"' config.json >bundle/config.json
  "$@" --root "$PWD/state" run --bundle bundle "finding-$$"
}
tuning() {
  printf '{"cniVersion":"1.0.0","name":"finding","type":"tuning","sysctl":{"%s":"2"},"prevResult":{"cniVersion":"1.0.0",
    "interfaces":[{"name":"eth0.100","sandbox":"%s"}]}}' "$name" "$PWD/pod" |
    CNI_COMMAND=ADD CNI_CONTAINERID=finding CNI_NETNS=$PWD/pod CNI_IFNAME=eth0.100 CNI_PATH=$PWD "$1"
}
for name in net.ipv4.conf.eth0/100.rp_filter net/ipv4/conf/eth0.100/rp_filter; do
  try sysctl $name pod sysctl -w $name=2
  try "crun 1.8.1" $name oci debian/usr/bin/crun --cgroup-manager=disabled
  try "crun 1.28" $name oci later/crun --cgroup-manager=disabled
  try "runc 1.1.5" $name oci debian/usr/sbin/runc
  try "runc 1.5.3" $name oci ./runc
done
for name in net.ipv4.conf.eth0/100.rp_filter net/ipv4/conf/eth0.100/rp_filter net.ipv4.conf.IFNAME.rp_filter; do
  try "tuning 1.1.1" $name tuning debian/usr/lib/cni/tuning
  try "tuning 1.10.0" $name tuning ./tuning
done
SH
unshare --mount --net --propagation private sh try.sh >seen
cat seen
cat >expected <<'TEXT'
sysctl, net.ipv4.conf.eth0/100.rp_filter: succeeds, it is 2
crun 1.8.1, net.ipv4.conf.eth0/100.rp_filter: fails, it is 0
crun 1.28, net.ipv4.conf.eth0/100.rp_filter: fails, it is 0
runc 1.1.5, net.ipv4.conf.eth0/100.rp_filter: fails, it is 0
runc 1.5.3, net.ipv4.conf.eth0/100.rp_filter: fails, it is 0
sysctl, net/ipv4/conf/eth0.100/rp_filter: succeeds, it is 2
crun 1.8.1, net/ipv4/conf/eth0.100/rp_filter: fails, it is 0
crun 1.28, net/ipv4/conf/eth0.100/rp_filter: fails, it is 0
runc 1.1.5, net/ipv4/conf/eth0.100/rp_filter: fails, it is 0
runc 1.5.3, net/ipv4/conf/eth0.100/rp_filter: fails, it is 0
tuning 1.1.1, net.ipv4.conf.eth0/100.rp_filter: fails, it is 0
tuning 1.10.0, net.ipv4.conf.eth0/100.rp_filter: fails, it is 0
tuning 1.1.1, net/ipv4/conf/eth0.100/rp_filter: fails, it is 0
tuning 1.10.0, net/ipv4/conf/eth0.100/rp_filter: fails, it is 0
tuning 1.1.1, net.ipv4.conf.IFNAME.rp_filter: fails, it is 0
tuning 1.10.0, net.ipv4.conf.IFNAME.rp_filter: succeeds, it is 2
TEXT
diff expected seen
