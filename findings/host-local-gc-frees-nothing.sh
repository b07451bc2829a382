#!/bin/sh
# GC of the CNI specification (1.1.0) lets a plugin free what no attachment in the given list uses, and STATUS fails if
# further ADDs cannot succeed. The standard plugins declare 1.1.0. host-local returns success for both and does neither:
# an address whose DEL was lost stays reserved after GC, and a range without a free address is reported as ready. So a
# runtime must find lost reservations itself, and learns that a range is full only from a failed ADD.
# Seen with host-local of the standard plugins 1.9.1, as below.
# Needs Go, gcc, jq and root.
set -eu
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
mkdir build
plugins=github.com/containernetworking/plugins
(cd build && go mod init finding.invalid >/dev/null 2>&1 && GOFLAGS=-mod=mod go get "$plugins@v1.9.1" >/dev/null 2>&1 &&
  GOFLAGS=-mod=mod go build -o "$work/host-local" "$plugins/plugins/ipam/host-local")
valid='[{ "containerID": "first", "ifname": "eth0" }]'
# Room for two addresses beside the gateway's.
conf="{ \"cniVersion\": \"1.1.0\", \"name\": \"net\", \"type\": \"host-local\", \"cni.dev/valid-attachments\": $valid, \"cni.dev/attachments\": $valid,
  \"ipam\": { \"type\": \"host-local\", \"dataDir\": \"$work/data\", \"ranges\": [[{ \"subnet\": \"10.99.0.0/29\", \"rangeStart\": \"10.99.0.2\", \"rangeEnd\": \"10.99.0.3\" }]] } }"
plugin() {
  printf '%s' "$conf" | CNI_COMMAND="$1" CNI_CONTAINERID="${2:-}" CNI_NETNS="/proc/$$/ns/net" CNI_IFNAME=eth0 CNI_PATH="$work" unshare --net ./host-local >answer
}
outcome() { plugin "$@" && echo succeeds || echo "fails: $(jq -r .msg answer)"; }
reserved() { (cd data/net && ls -d 10.* | paste -sd ' '); }
{
  plugin VERSION
  echo "speaks $(jq -r '.supportedVersions | last' answer)"
  plugin ADD first
  plugin ADD second
  echo "reserved: $(reserved)"
  echo "a third ADD $(outcome ADD third | cut -d: -f 1)"
  echo "STATUS $(outcome STATUS)"
  echo "GC, where only the first is left, $(outcome GC)"
  echo "reserved: $(reserved)"
} >seen
cat seen
cat >expected <<'TEXT'
speaks 1.1.0
reserved: 10.99.0.2 10.99.0.3
a third ADD fails
STATUS succeeds
GC, where only the first is left, succeeds
reserved: 10.99.0.2 10.99.0.3
TEXT
diff expected seen
