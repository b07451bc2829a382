#!/bin/sh
# CHECK of the CNI specification must fail if something that the plugin created is missing or wrong. Of the standard
# plugins, 1.1.1 of Debian 12 and 1.10.0:
# - bandwidth succeeds if the shaping is gone in both directions; it checks only the interfaces.
# - bridge succeeds if the pod's masquerading is gone, and if the bridge has lost the gateway's address.
# - portmap 1.1.1 fails right after ADD, when nothing is missing, for a pod with only an IPv4 address: it expects the
#   IPv6 chain, too. 1.10.0 is correct.
# So CHECK, which Kubernetes' runtimes do not call but operators and cnitool do, does not tell whether a pod's network
# is intact.
# Seen as below.
# Needs Go, Debian 12's package lists, iptables, iproute2, util-linux and root; everything happens in private
# namespaces.
set -eu
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
mkdir debian build newest
(cd debian && apt-get download containernetworking-plugins=1.1.1+ds1-3+b5 >/dev/null 2>&1 && dpkg-deb -x ./*.deb .)
plugins=github.com/containernetworking/plugins
names="main/bridge ipam/host-local meta/bandwidth meta/portmap"
(cd build && go mod init finding.invalid >/dev/null 2>&1 && GOFLAGS=-mod=mod go get $plugins@v1.10.0 >/dev/null 2>&1 &&
  for name in $names; do GOFLAGS=-mod=mod go build -o "$work/newest/" $plugins/plugins/$name; done)
cat >try.sh <<'SH'
set -eu
mount -t tmpfs tmpfs /run
ip link set lo up
bridge='"type":"bridge","bridge":"finding0","isGateway":true,"ipMasq":true,"ipam":{"type":"host-local","subnet":"10.86.0.0/24","dataDir":"/run/addresses"}'
bandwidth='"type":"bandwidth","ingressRate":1000000,"ingressBurst":1000000,"egressRate":1000000,"egressBurst":1000000'
portmap='"type":"portmap","runtimeConfig":{"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}]}'
# plugin COMMAND CONFIGURATION [RESULT]
plugin() {
  name=$(echo "$2" | sed 's/^"type":"\([a-z]*\)".*/\1/')
  printf '{"cniVersion":"1.0.0","name":"finding",%s%s}' "$2" "${3:+,\"prevResult\":$3}" |
    CNI_COMMAND=$1 CNI_CONTAINERID=finding CNI_NETNS=$PWD/pod CNI_IFNAME=eth0 CNI_PATH=$directory "$directory/$name"
}
check() { plugin CHECK "$@" >answer 2>&1 && echo succeeds || echo fails; }
links() { ip -o link show type "$1" | sed 's/^[0-9]*: \([^@:]*\).*/\1/'; }
for version in 1.1.1 1.10.0; do
  [ $version = 1.1.1 ] && directory=$PWD/debian/usr/lib/cni || directory=$PWD/newest
  touch pod
  unshare --net=pod true
  result=$(plugin ADD "$bridge")
  result=$(plugin ADD "$bandwidth" "$result")
  result=$(plugin ADD "$portmap" "$result")
  for each in "$bridge" "$bandwidth" "$portmap"; do
    echo "$version: all there, $(echo "$each" | cut -d '"' -f 4) $(check "$each" "$result")"
  done
  for link in $(links veth) $(links ifb); do tc qdisc del dev "$link" root; done
  echo "$version: $(tc qdisc show | grep -c tbf || true) limits left, bandwidth $(check "$bandwidth" "$result")"
  iptables -t nat -F POSTROUTING
  echo "$version: no masquerading, bridge $(check "$bridge" "$result")"
  ip address flush dev finding0
  echo "$version: no gateway, bridge $(check "$bridge" "$result")"
  ip link del finding0
  for link in $(links ifb); do ip link del "$link"; done
  umount pod
  rm -r /run/addresses
done
SH
unshare --mount --net sh try.sh >seen
cat seen
cat >expected <<'TEXT'
1.1.1: all there, bridge succeeds
1.1.1: all there, bandwidth succeeds
1.1.1: all there, portmap fails
1.1.1: 0 limits left, bandwidth succeeds
1.1.1: no masquerading, bridge succeeds
1.1.1: no gateway, bridge succeeds
1.10.0: all there, bridge succeeds
1.10.0: all there, bandwidth succeeds
1.10.0: all there, portmap succeeds
1.10.0: 0 limits left, bandwidth succeeds
1.10.0: no masquerading, bridge succeeds
1.10.0: no gateway, bridge succeeds
TEXT
diff expected seen
