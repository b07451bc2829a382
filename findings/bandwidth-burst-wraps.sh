#!/bin/sh
# CNI's bandwidth plugin, 1.1.1 of Debian 12: a burst is passed to the kernel as the time that it takes at the given
# rate, in units of 64 ns and in 32 bits, without a check for overflow. So a burst of more than 274 s wraps around to a
# smaller one. Runtimes that pass Kubernetes' bandwidth annotations to the plugin choose a burst near 4 Gbit, since
# Kubernetes specifies none: at 1 Mbit/s it becomes 21 MB, at 10 Mbit/s 193 MB, at 100 Mbit/s the full 512 MiB. A pod
# may send and receive that much before it is limited.
# Seen: "1000000 bit/s: 21474835 of 536870911 bytes", "10000000 bit/s: 193273526 of 536870911 bytes", "100000000 bit/s:
# 536870900 of 536870911 bytes".
# Needs Debian 12's package lists, iproute2, jq, util-linux and root; everything happens in private namespaces.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download containernetworking-plugins=1.1.1+ds1-3+b5 >/dev/null 2>&1
dpkg-deb -x ./*.deb .
cat >try.sh <<'SH'
set -eu
mount -t tmpfs tmpfs /run
for rate in 1000000 10000000 100000000; do
  touch "pod$rate"
  unshare --net="pod$rate" true
  ip link add "host$rate" type veth peer name eth0 netns "$PWD/pod$rate"
  printf '{"cniVersion":"1.0.0","name":"finding","type":"bandwidth","ingressRate":%s,"ingressBurst":4294967295,
    "prevResult":{"cniVersion":"1.0.0","interfaces":[{"name":"host%s"},{"name":"eth0","sandbox":"%s"}],
      "ips":[{"address":"10.86.0.2/24"}]}}' $rate $rate "$PWD/pod$rate" |
    CNI_COMMAND=ADD CNI_CONTAINERID=finding CNI_NETNS=$PWD/pod$rate CNI_IFNAME=eth0 CNI_PATH=$PWD/usr/lib/cni \
      usr/lib/cni/bandwidth >answer || { cat answer >&2; exit 1; }
  burst=$(tc -j qdisc show dev "host$rate" | jq '.[] | select(.kind == "tbf") | .options.burst')
  echo "$rate bit/s: $burst of $((4294967295 / 8)) bytes"
  umount "pod$rate"
done
SH
unshare --mount --net sh try.sh >seen
cat seen
cat >expected <<'TEXT'
1000000 bit/s: 21474835 of 536870911 bytes
10000000 bit/s: 193273526 of 536870911 bytes
100000000 bit/s: 536870900 of 536870911 bytes
TEXT
diff expected seen
