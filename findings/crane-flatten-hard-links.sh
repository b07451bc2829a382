#!/bin/sh
# crane 0.22.1 merges an image's layers by file names only: the topmost entry of each name counts, and a hard
# link is copied unchanged, with the name of its target. If a higher layer has replaced or deleted the target,
# the link is wrong after `crane export` and in the image of `crane flatten`: it has the new file's content,
# or its target does not exist, so that tar and unpackers fail. An image becomes like that by
# `ln perl perl5.36` in one step and a change to one of the two in a later one. In the image itself, as every
# runtime shows it, the other name keeps its file (go-containerregistry's issues 977 and 2002).
# Seen with crane 0.22.1 and umoci 0.6.0, as below.
# Needs Go, skopeo, iproute2, util-linux and root; the registry is crane's own, in a network namespace.
set -eu
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
build() {
  mkdir build
  (cd build && go mod init finding.invalid >/dev/null 2>&1 && GOFLAGS=-mod=mod go get "$1" >/dev/null 2>&1 &&
    GOFLAGS=-mod=mod CGO_ENABLED=0 go build -o "$work/" "$2")
  chmod -R u+w build
  rm -rf build
}
build github.com/opencontainers/umoci@v0.6.0 github.com/opencontainers/umoci/cmd/umoci
build github.com/google/go-containerregistry/cmd/crane@v0.22.1 github.com/google/go-containerregistry/cmd/crane
# A file under two names, and above it the layers that Docker and containerd make of a change to one of them: the change alone.
mkdir -p linked replaced deleted
echo first >linked/a
ln linked/a linked/b
echo second >replaced/a
: >deleted/.wh.a
./umoci init --layout image
./umoci new --image image:linked
for layer in linked replaced deleted; do tar -C $layer -cf $layer.tar --sort=name .; done
./umoci raw add-layer --image image:linked linked.tar
for change in replaced deleted; do ./umoci raw add-layer --image image:linked --tag $change $change.tar; done
cat >try.sh <<'SH'
ip link set lo up
./crane registry serve --address 127.0.0.1:5000 >registry.log 2>&1 & registry=$!
trap 'kill $registry' EXIT
repository=127.0.0.1:5000/finding
until ./crane catalog 127.0.0.1:5000 >/dev/null 2>&1; do kill -0 $registry; done
# shows TITLE DIRECTORY: what the other name has
shows() { echo "$1: b has $(cat "$2/b" 2>/dev/null || echo nothing)"; }
for change in replaced deleted; do
  skopeo --insecure-policy copy -q --dest-tls-verify=false oci:image:$change docker://$repository:$change
  ./umoci unpack --image image:$change right-$change
  shows "a $change, the image" right-$change/rootfs
  mkdir export-$change
  ./crane export $repository:$change - | tar -C export-$change -xf - 2>/dev/null && code=0 || code=$?
  shows "a $change, crane export, tar ends with $code" export-$change
  ./crane flatten $repository:$change --tag $repository:flat-$change >/dev/null 2>&1
  skopeo --insecure-policy copy -q --src-tls-verify=false docker://$repository:flat-$change oci:image:flat-$change
  ./umoci unpack --image image:flat-$change flat-$change 2>/dev/null && code=0 || code=$?
  shows "a $change, crane flatten, umoci ends with $code" flat-$change/rootfs
done
SH
unshare --net --mount sh try.sh >seen
cat seen
cat >expected <<'TEXT'
a replaced, the image: b has first
a replaced, crane export, tar ends with 0: b has second
a replaced, crane flatten, umoci ends with 0: b has second
a deleted, the image: b has first
a deleted, crane export, tar ends with 2: b has nothing
a deleted, crane flatten, umoci ends with 1: b has nothing
TEXT
diff expected seen
