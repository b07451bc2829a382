#!/bin/sh
# If a container has replaced a directory with a file, `umoci repack` writes a layer with the file and, below it, a
# whiteout for everything that the directory contained: `d`, then `d/.wh.a`. umoci unpacks such a layer; containerd and
# containers/storage (skopeo, podman, CRI-O) cannot, with the error "not a directory". The file alone would have the
# same meaning for all of them.
# Seen with umoci 0.6.0, containerd 2.4.2 and skopeo 1.9.3 of Debian 12, as below.
# Needs Go, gcc, skopeo, jq and root; mounts are made in a private mount namespace.
set -eu
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
build() {
  mkdir build
  (cd build && go mod init finding.invalid >/dev/null 2>&1 && GOFLAGS=-mod=mod go get "$1" >/dev/null 2>&1 && shift &&
    GOFLAGS=-mod=mod CGO_ENABLED=0 go build -o "$work/" "$@")
  chmod -R u+w build
  rm -rf build
}
build github.com/opencontainers/umoci@v0.6.0 github.com/opencontainers/umoci/cmd/umoci
containerd=github.com/containerd/containerd/v2
build $containerd@v2.4.2 $containerd/cmd/containerd $containerd/cmd/ctr
./umoci init --layout image
./umoci new --image image:empty
./umoci unpack --image image:empty first 2>/dev/null
mkdir first/rootfs/d
echo in the directory >first/rootfs/d/a
./umoci repack --image image:directory first
./umoci unpack --image image:directory second
rm -r second/rootfs/d
echo in its place >second/rootfs/d
./umoci repack --image image:file second
blob() { echo "image/blobs/$(echo "$1" | tr : /)"; }
manifest=$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "file").digest' image/index.json)
layer=$(jq -r '.layers[-1].digest' "$(blob "$manifest")")
skopeo copy -q oci:image:file oci-archive:image.tar:finding.invalid/file:latest
cat >containerd.toml <<TOML
version = 3
root = "$work/containerd.data"
state = "$work/containerd.state"
[grpc]
address = "$work/containerd.sock"
TOML
cat >containerd.sh <<'SH'
./containerd --config containerd.toml >containerd.log 2>&1 & daemon=$!
for _ in $(seq 100); do ./ctr --address "$PWD/containerd.sock" version >/dev/null 2>&1 && break; sleep 0.1; done
./ctr --address "$PWD/containerd.sock" images import image.tar 2>&1
kill "$daemon"
wait "$daemon" || true
SH
reads() { case $1 in *"not a directory"*) echo "not a directory" ;; *) echo "$1" ;; esac; }
{
  echo "the layer: $(tar tzf "$(blob "$layer")" | paste -sd ' ')"
  ./umoci unpack --image image:file third
  echo "umoci: $(cat third/rootfs/d)"
  echo "containerd: $(reads "$(unshare --mount sh containerd.sh)")"
  storage="vfs@$work/storage+$work/storage.run"
  echo "containers/storage: $(reads "$(unshare --mount skopeo --insecure-policy copy -q oci:image:file "containers-storage:[$storage]finding.invalid/file" 2>&1)")"
} >seen
cat seen
cat >expected <<'TEXT'
the layer: . d d/.wh.a
umoci: in its place
containerd: not a directory
containers/storage: not a directory
TEXT
diff expected seen
