#!/bin/sh
# A pod may be on several networks, each with CNI's portmap plugin in its configuration. portmap 1.10.0 marks its
# nftables rules (with the option `backend`, and by default if iptables cannot be used) only with the container's
# identifier. So DEL of one network, for instance when a running pod is detached from it, or when a second ADD fails and
# is undone, also removes the pod's ports on the other networks, and succeeds; from then on, CHECK of those fails. Its
# iptables chains are named after the container and the network, and stay.
# A runtime that detaches a network from a pod must call portmap's ADD again for the others.
# Seen with the standard plugins 1.10.0, as below.
# Needs Go, iptables, nftables, curl, busybox, iproute2, util-linux and root; everything happens in private namespaces.
set -eu
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
mkdir build newest
plugins=github.com/containernetworking/plugins
(cd build && go mod init finding.invalid >/dev/null 2>&1 && GOFLAGS=-mod=mod go get $plugins@v1.10.0 >/dev/null 2>&1 &&
  for name in main/bridge ipam/host-local meta/portmap; do GOFLAGS=-mod=mod go build -o "$work/newest/" $plugins/plugins/$name; done)
cat >try.sh <<'SH'
set -eu
mount -t tmpfs tmpfs /run
ip link set lo up
# plugin NAME COMMAND NETWORK CONFIGURATION
plugin() {
  printf '{"cniVersion":"1.0.0","name":"%s","type":"%s",%s}' "$3" "$1" "$4" |
    CNI_COMMAND=$2 CNI_CONTAINERID=finding CNI_NETNS=$PWD/pod CNI_IFNAME=$3 CNI_PATH=$PWD/newest "newest/$1"
}
bridge() { plugin bridge "$1" "$2" "\"bridge\":\"finding-$2\",\"isGateway\":true,\"ipam\":{\"type\":\"host-local\",\"subnet\":\"$3\",\"dataDir\":\"/run/addresses\"}"; }
# portmap COMMAND NETWORK HOSTPORT RESULT
portmap() { plugin portmap "$1" "$2" "\"backend\":\"$backend\",\"runtimeConfig\":{\"portMappings\":[{\"hostPort\":$3,\"containerPort\":80,\"protocol\":\"tcp\"}]},\"prevResult\":$4"; }
answers() { curl --silent --fail --max-time 3 "http://10.86.0.1:$1/" >/dev/null && echo answers || echo "does not answer"; }
mkdir www
touch www/index.html
for backend in iptables nftables; do
  touch pod
  unshare --net=pod true
  first=$(bridge ADD first 10.86.0.0/24)
  second=$(bridge ADD second 10.87.0.0/24)
  portmap ADD first 8080 "$first" >/dev/null
  portmap ADD second 9090 "$second" >/dev/null
  nsenter --net=pod busybox httpd -f -p 80 -h www &
  for _ in $(seq 100); do [ "$(answers 9090)" != answers ] || break; sleep 0.1; done
  echo "$backend: with both networks the first one's port $(answers 8080), and the second one's $(answers 9090)"
  portmap DEL second 9090 "$second" && deleted=succeeds || deleted=fails
  portmap CHECK first 8080 "$first" >/dev/null 2>&1 && checked=succeeds || checked=fails
  echo "$backend: DEL of the second $deleted, the first one's port $(answers 8080), and its CHECK $checked"
  kill $!
  portmap DEL first 8080 "$first"
  bridge DEL second 10.87.0.0/24
  bridge DEL first 10.86.0.0/24
  umount pod
done
SH
unshare --net --mount --propagation private sh try.sh >seen
cat seen
cat >expected <<'TEXT'
iptables: with both networks the first one's port answers, and the second one's answers
iptables: DEL of the second succeeds, the first one's port answers, and its CHECK succeeds
nftables: with both networks the first one's port answers, and the second one's answers
nftables: DEL of the second succeeds, the first one's port does not answer, and its CHECK fails
TEXT
diff expected seen
