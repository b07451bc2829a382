#!/bin/sh
# CNI's portmap plugin, 1.1.1 of Debian 12 and 1.10.0: before DEL removes a pod's ports, it has iptables list a chain,
# to find out whether the machine has iptables at all. If only that call fails (the process is killed because memory
# runs out, or fails once), DEL leaves the pod's rules and succeeds, so that it is not repeated. If a later call fails,
# DEL fails, too, as it should.
# Here an `iptables` that comes first in PATH fails the first of these lists.
# Seen with both versions: "exit code 0, 4 of 4 rules are left", and "exit code 0, 0 of 4 rules are left" without the
# failure.
# Needs Go, Debian 12's package lists, iptables, util-linux and root; everything happens in private namespaces.
set -eu
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
mkdir debian build newest failing
(cd debian && apt-get download containernetworking-plugins=1.1.1+ds1-3+b5 >/dev/null 2>&1 && dpkg-deb -x ./*.deb .)
(cd build && go mod init finding.invalid >/dev/null 2>&1 &&
  GOFLAGS=-mod=mod go get github.com/containernetworking/plugins/plugins/meta/portmap@v1.10.0 >/dev/null 2>&1 &&
  GOFLAGS=-mod=mod go build -o "$work/newest/portmap" github.com/containernetworking/plugins/plugins/meta/portmap)
cat >failing/iptables <<SH
#!/bin/sh
case "\$*" in *"-S OUTPUT"*) ! mkdir "$work/failing/once" 2>/dev/null || exit 4 ;; esac
exec "$(command -v iptables)" "\$@"
SH
chmod +x failing/iptables
cat >try.sh <<'SH'
set -eu
mount -t tmpfs tmpfs /run
ip link set lo up
touch pod
unshare --net=pod true
# plugin DIRECTORY COMMAND ID
plugin() {
  printf '{"cniVersion":"1.0.0","name":"finding","type":"portmap","capabilities":{"portMappings":true},
    "runtimeConfig":{"portMappings":[{"hostPort":18086,"containerPort":80,"protocol":"tcp"}]},
    "prevResult":{"cniVersion":"1.0.0","interfaces":[{"name":"eth0","sandbox":"%s"}],
      "ips":[{"address":"10.86.0.2/24","interface":0}]}}' "$PWD/pod" |
    CNI_COMMAND=$2 CNI_CONTAINERID=$3 CNI_NETNS=$PWD/pod CNI_IFNAME=eth0 CNI_PATH=$1 "$1/portmap" >answer || { cat answer >&2; return 1; }
}
# The one that sends the port's connections to the pod's chain, and those of the chain.
rules() { iptables-save -t nat | grep -c -e "^-A.*18086" || true; }
for version in 1.1.1 1.10.0; do
  [ $version = 1.1.1 ] && directory=$PWD/debian/usr/lib/cni || directory=$PWD/newest
  for calls in succeed "fail once"; do
    plugin "$directory" ADD "finding-$version"
    before=$(rules)
    path=$PATH
    [ "$calls" = succeed ] || path=$PWD/failing:$PATH
    PATH=$path plugin "$directory" DEL "finding-$version" && code=0 || code=$?
    echo "$version, calls of iptables $calls: exit code $code, $(rules) of $before rules are left"
  done
  plugin "$directory" DEL "finding-$version"
  rm -r failing/once
done
umount pod
SH
unshare --mount --net sh try.sh >seen
cat seen
cat >expected <<'TEXT'
1.1.1, calls of iptables succeed: exit code 0, 0 of 4 rules are left
1.1.1, calls of iptables fail once: exit code 0, 4 of 4 rules are left
1.10.0, calls of iptables succeed: exit code 0, 0 of 4 rules are left
1.10.0, calls of iptables fail once: exit code 0, 4 of 4 rules are left
TEXT
diff expected seen
