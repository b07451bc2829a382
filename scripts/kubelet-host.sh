#!/bin/sh
# Makes a kubelet's node of the namespaces that private-host.sh has made, then runs a command there: kubelet-host.sh COMMAND
# [ARG...]. A node has mounts that propagate, an address that is not loopback's, and the directories whose paths are fixed
# in the kubelet, for this run alone.
set -eu
mount --make-rshared /
ip address add 192.0.2.1/32 dev lo
for directory in /var/lib/kubelet /var/log/containers /run/containerd; do
  mkdir -p "$directory"
  mount -t tmpfs tmpfs "$directory"
done
exec "$@"
