#!/bin/sh
# `crane append` and `crane mutate --append` accept a layer compressed with zstd, which only OCI manifests allow. If the
# image has a Docker manifest (as some registries' base images do, and crane's own empty image, the default), crane
# 0.22.1 keeps that and lists the layer in it with OCI's media type. It pushes the image without a warning, and oras
# copies it, but containers/image (skopeo, podman, buildah, CRI-O) rejects the whole image: "unsupported docker v2s2
# media type". With a base that has an OCI manifest, such as --oci-empty-base, the image is correct.
# `crane validate` does not help: it fails for the correct image, too, since it expects every layer to be gzip.
# Seen with crane 0.22.1, oras 1.3.6, skopeo 1.9.3 of Debian 12 and 1.22.0 of Debian 14, as below.
# Needs Debian 12 (whose package lists say where Debian 14's are), Go 1.26 or newer, skopeo, curl, jq, patchelf, zstd,
# iproute2, util-linux and root; the registry is crane's own, in a network namespace.
set -eu
directory=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
sh "$directory/../scripts/later-debian.sh" "$work/later" forky skopeo -- usr/bin/skopeo >&2
cd "$work"
# build PACKAGE@VERSION
build() {
  mkdir build
  (cd build && go mod init finding.invalid >/dev/null 2>&1 && GOFLAGS=-mod=mod go get "$1" >/dev/null 2>&1 &&
    GOFLAGS=-mod=mod CGO_ENABLED=0 go build -o "$work/" "${1%@*}")
  chmod -R u+w build
  rm -rf build
}
build oras.land/oras/cmd/oras@v1.3.6
build github.com/google/go-containerregistry/cmd/crane@v0.22.1
mkdir layer
echo text >layer/file
tar -C layer -cf layer.tar file
zstd -q layer.tar
cat >try.sh <<'SH'
ip link set lo up
export HOME="$PWD"
./crane registry serve --address 127.0.0.1:5000 >registry.log 2>&1 & registry=$!
trap 'kill $registry' EXIT
until curl -fs http://127.0.0.1:5000/v2/ >/dev/null; do kill -0 $registry; sleep 0.1; done
outcome() { "$@" >answer 2>&1 && echo succeeds || { echo "fails"; grep -o 'unsupported docker v2s2 media type\|gzip: invalid header' answer | head -n 1 | sed 's/^/: /'; }; }
for base in docker oci; do
  [ $base = docker ] && option= || option=--oci-empty-base
  image=127.0.0.1:5000/$base/image:tag
  ./crane append $option -f layer.tar.zst -t $image >answer 2>&1
  echo "$base: $(./crane manifest $image | jq -r '.mediaType, .layers[].mediaType' | paste -sd ' ')"
  echo "  crane validate $(outcome ./crane validate --remote $image | paste -sd '')"
  echo "  oras copy $(outcome ./oras copy --from-plain-http --to-oci-layout $image oras-$base:tag | paste -sd '')"
  for skopeo in skopeo later/skopeo; do
    version=$($skopeo --version | sed 's/.* //')
    echo "  skopeo copy, $version $(outcome $skopeo --insecure-policy copy --src-tls-verify=false docker://$image oci:copy-$base-$version:tag | paste -sd '')"
  done
done
SH
unshare --net --mount sh try.sh >seen
cat seen
cat >expected <<'TEXT'
docker: application/vnd.docker.distribution.manifest.v2+json application/vnd.oci.image.layer.v1.tar+zstd
  crane validate fails: gzip: invalid header
  oras copy succeeds
  skopeo copy, 1.9.3 fails: unsupported docker v2s2 media type
  skopeo copy, 1.22.0 fails: unsupported docker v2s2 media type
oci: application/vnd.oci.image.manifest.v1+json application/vnd.oci.image.layer.v1.tar+zstd
  crane validate fails: gzip: invalid header
  oras copy succeeds
  skopeo copy, 1.9.3 succeeds
  skopeo copy, 1.22.0 succeeds
TEXT
diff expected seen
