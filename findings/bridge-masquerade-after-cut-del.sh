#!/bin/sh
# CNI's bridge plugin, 1.1.1 of Debian 12 and 1.10.0: DEL first deletes the pod's interface, and then removes the
# masquerading for the addresses that the interface had. If a DEL is interrupted in between (it is killed, or iptables
# fails), it cannot be repeated: the next one finds no interface, leaves the pod's chain and the jump to it, and
# succeeds. The same happens in a DEL without a namespace, for instance after a pod's namespace was lost. GC (1.10.0)
# leaves the rules, too, if iptables is used.
# Here the interface is deleted by hand, which is all that a DEL has done when it is interrupted early.
# Seen with both versions, in both ways: "exit code 0, 3 of 3 rules are left".
# Needs Go, Debian 12's package lists, iptables, util-linux and root; everything happens in private namespaces.
set -eu
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
mkdir debian build newest
(cd debian && apt-get download containernetworking-plugins=1.1.1+ds1-3+b5 >/dev/null 2>&1 && dpkg-deb -x ./*.deb .)
(cd build && go mod init finding.invalid >/dev/null 2>&1 &&
  GOFLAGS=-mod=mod go get github.com/containernetworking/plugins/plugins/main/bridge@v1.10.0 \
    github.com/containernetworking/plugins/plugins/ipam/host-local@v1.10.0 >/dev/null 2>&1 &&
  GOFLAGS=-mod=mod go build -o "$work/newest" github.com/containernetworking/plugins/plugins/main/bridge \
    github.com/containernetworking/plugins/plugins/ipam/host-local)
cat >try.sh <<'SH'
set -eu
mount -t tmpfs tmpfs /run
# plugin VERSION DIRECTORY COMMAND ID NETNS
plugin() {
  printf '{"cniVersion":"1.0.0","name":"finding","type":"bridge","bridge":"finding0","isGateway":true,"ipMasq":true,
    "ipam":{"type":"host-local","dataDir":"%s/addresses-%s","subnet":"10.86.0.0/24"}}' "$PWD" "$1" |
    CNI_COMMAND=$3 CNI_CONTAINERID=$4 CNI_NETNS=$5 CNI_IFNAME=eth0 CNI_PATH=$2 "$2/bridge" >/dev/null
}
rules() { iptables-save -t nat | grep -c -e "^-A.*id: .\"$1" || true; }
for version in 1.1.1 1.10.0; do
  [ $version = 1.1.1 ] && directory=$PWD/debian/usr/lib/cni || directory=$PWD/newest
  for way in repeated "without its namespace"; do
    id=$(echo "$version $way" | sha256sum | cut -c 1-64)
    touch "ns-$id"
    unshare --net="ns-$id" true
    plugin $version "$directory" ADD "$id" "$PWD/ns-$id"
    before=$(rules "$id")
    nsenter --net="ns-$id" ip link del eth0
    namespace=$PWD/ns-$id
    [ "$way" = repeated ] || namespace=
    plugin $version "$directory" DEL "$id" "$namespace" && code=0 || code=$?
    umount "ns-$id"
    echo "$version, DEL $way: exit code $code, $(rules "$id") of $before rules are left"
  done
done
SH
unshare --mount --net sh try.sh >seen
cat seen
cat >expected <<'TEXT'
1.1.1, DEL repeated: exit code 0, 3 of 3 rules are left
1.1.1, DEL without its namespace: exit code 0, 3 of 3 rules are left
1.10.0, DEL repeated: exit code 0, 3 of 3 rules are left
1.10.0, DEL without its namespace: exit code 0, 3 of 3 rules are left
TEXT
diff expected seen
