#!/bin/sh
# nerdctl lists, stops and signals containers that other clients of containerd have created, and starts to remove them:
# `nerdctl rm` deletes such a container's task and then fails, since its specification lacks nerdctl's annotations. The
# container remains, without its task, and every further `rm` fails in the same way. With --force the exit code is 0
# nevertheless.
# Seen with nerdctl 2.3.5, containerd and ctr 2.4.2, runc 1.1.5 of Debian 12, as below.
# Needs Go, runc, busybox and root; mounts are made in a private mount namespace.
set -eu
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
mkdir build
containerd=github.com/containerd/containerd/v2
nerdctl=github.com/containerd/nerdctl/v2
# A module of nerdctl's test framework, which has no version; the program names this type of it, and never uses it.
mkdir -p build/tigron/tig
printf 'module github.com/containerd/nerdctl/mod/tigron\ngo 1.24\n' >build/tigron/go.mod
printf 'package tig\ntype T interface { Log(args ...any); FailNow() }\n' >build/tigron/tig/tig.go
(cd build && go mod init finding.invalid >/dev/null 2>&1 && go mod edit -replace github.com/containerd/nerdctl/mod/tigron=./tigron &&
  GOFLAGS=-mod=mod go get $nerdctl@v2.3.5 $containerd@v2.4.2 >/dev/null 2>&1 &&
  GOFLAGS=-mod=mod CGO_ENABLED=0 go build -o "$work/" $containerd/cmd/containerd $containerd/cmd/ctr $containerd/cmd/containerd-shim-runc-v2 $nerdctl/cmd/nerdctl)
mkdir -p root/bin root/proc root/sys root/dev
cp "$(command -v busybox)" root/bin/busybox
cat >containerd.toml <<TOML
version = 3
root = "$work/data"
state = "$work/state"
[grpc]
address = "$work/containerd.sock"
TOML
cat >try.sh <<'SH'
PATH=$PWD:$PATH
containerd --config containerd.toml >containerd.log 2>&1 & daemon=$!
ctr() { ./ctr --address "$PWD/containerd.sock" "$@" 2>/dev/null; }
nerdctl() { ./nerdctl --address "$PWD/containerd.sock" --namespace default --data-root "$PWD/nerdctl.data" --cni-netconfpath "$PWD/cni" "$@" >answer 2>&1; }
for _ in $(seq 100); do ctr version >/dev/null && break; sleep 0.1; done
# try NAME OPTION...
try() {
  name=$1
  shift
  ctr run --detach --rootfs "$PWD/root" "$name" /bin/busybox sleep 1000
  nerdctl stop --time 0 "$name" && echo "$name: stop ends with 0"
  code=0
  nerdctl rm "$@" "$name" || code=$?
  echo "$name: rm${*:+ $*} ends with $code: $(grep -o 'cannot determine.*[a-zA-Z]' answer)"
  echo "$name: tasks $(ctr tasks ls -q | grep -c "^$name$"), containers $(ctr containers ls -q | grep -c "^$name$")"
  ctr containers rm "$name"
}
try plain
try forced --force
kill "$daemon"
wait "$daemon" || true
SH
unshare --mount --net sh try.sh >seen
cat seen
cat >expected <<'TEXT'
plain: stop ends with 0
plain: rm ends with 1: cannot determine networking options from nil spec.Annotations
plain: tasks 0, containers 1
forced: stop ends with 0
forced: rm --force ends with 0: cannot determine networking options from nil spec.Annotations
forced: tasks 0, containers 1
TEXT
diff expected seen
