#!/bin/sh
# Prepares the namespaces that private-host.sh has created for a kubelet, and runs a command there:
# kubelet-host.sh COMMAND [ARG...]. A kubelet needs mounts that propagate, an address that is not a loopback
# address, and directories whose paths are fixed; the directories exist only for this run.
set -eu
mount --make-rshared /
ip address add 192.0.2.1/32 dev lo
for directory in /var/lib/kubelet /var/log/containers /run/containerd; do
  mkdir -p "$directory"
  mount -t tmpfs tmpfs "$directory"
done
exec "$@"
