#!/bin/sh
# The Distribution project's registry, 2.8.2 of Debian 12 and 3.1.2, accepts blobs by their sha512 (an algorithm that
# the image specification registers), serves them by it, and tags manifests that name them so. Its `garbage-collect`,
# without the option to delete untagged manifests, deletes these blobs though the tagged manifest names them: it stores
# blobs by their sha256, and looks for that among the digests in manifests. The tag remains, but the image can no longer
# be pulled. 3.1.2 also stops with an error during the deletion, after the blobs are gone. Images whose digests are
# sha256 are not affected.
# Seen with both, as below.
# Needs Debian 12's package lists, Go 1.26 or newer, curl, jq, iproute2, util-linux and root, for a private network
# namespace.
set -eu
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
apt-get download docker-registry=2.8.2+ds1-1 >/dev/null 2>&1
dpkg-deb -x ./*.deb debian
mv debian/usr/bin/docker-registry registry-2.8.2
mkdir build
registry=github.com/distribution/distribution/v3
(cd build && go mod init finding.invalid >/dev/null 2>&1 && GOFLAGS=-mod=mod go get $registry/cmd/registry@v3.1.2 >/dev/null 2>&1 &&
  GOFLAGS=-mod=mod CGO_ENABLED=0 go build -o "$work/registry-3.1.2" $registry/cmd/registry)
cat >registry.yml <<YML
version: 0.1
storage: {filesystem: {rootdirectory: $work/data}}
http: {addr: "127.0.0.1:5000"}
YML
cat >try.sh <<'SH'
ip link set lo up
export OTEL_TRACES_EXPORTER=none
repository=http://127.0.0.1:5000/v2/some/image
types=application/vnd.oci.image
start() {
  "./$program" serve registry.yml >registry.log 2>&1 & registry=$!
  until curl -fs http://127.0.0.1:5000/v2/ >/dev/null; do kill -0 $registry; sleep 0.1; done
}
stop() { kill $registry; wait $registry 2>/dev/null || true; }
# blob ALGORITHM TYPE TEXT: pushes it; says its descriptor
blob() {
  printf %s "$3" >blob
  digest="$1:$("$1sum" blob | cut -d ' ' -f 1)"
  to=$(curl -fs -o answer -D - -X POST $repository/blobs/uploads/ | tr -d '\r' | sed -n 's/^Location: //Ip')
  curl -fs -X PUT -H 'Content-Type: application/octet-stream' --data-binary @blob "$to&digest=$digest"
  printf '{"mediaType":"%s","digest":"%s","size":%s}' "$2" "$digest" "${#3}"
}
# image ALGORITHM: an image under a tag of the same name
image() {
  config=$(blob "$1" $types.config.v1+json "{\"os\":\"linux\",\"architecture\":\"amd64\",\"author\":\"$1\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}")
  layer=$(blob "$1" $types.layer.v1.tar "layer by $1")
  printf '{"schemaVersion":2,"mediaType":"%s","config":%s,"layers":[%s]}' $types.manifest.v1+json "$config" "$layer" |
    curl -fs -X PUT -H "Content-Type: $types.manifest.v1+json" --data-binary @- $repository/manifests/"$1"
}
# statuses ALGORITHM: what a pull of that tag is answered
statuses() {
  curl -s -o manifest -w 'manifest %{http_code}' -H "Accept: $types.manifest.v1+json" $repository/manifests/"$1"
  curl -s -o answer -w ', config %{http_code}' "$repository/blobs/$(jq -r .config.digest manifest)"
  curl -s -o answer -w ', layer %{http_code}\n' "$repository/blobs/$(jq -r '.layers[0].digest' manifest)"
}
for program in registry-2.8.2 registry-3.1.2; do
  rm -rf data
  start
  for algorithm in sha256 sha512; do
    image $algorithm
    echo "$program, $algorithm: $(statuses $algorithm)"
  done
  stop
  "./$program" garbage-collect registry.yml >collect.log 2>&1 && code=0 || code=$?
  echo "$program: garbage-collect ends with $code"
  start
  for algorithm in sha256 sha512; do echo "$program, $algorithm: $(statuses $algorithm)"; done
  stop
done
SH
unshare --net --mount sh try.sh >seen
cat seen
cat >expected <<'TEXT'
registry-2.8.2, sha256: manifest 200, config 200, layer 200
registry-2.8.2, sha512: manifest 200, config 200, layer 200
registry-2.8.2: garbage-collect ends with 0
registry-2.8.2, sha256: manifest 200, config 200, layer 200
registry-2.8.2, sha512: manifest 200, config 404, layer 404
registry-3.1.2, sha256: manifest 200, config 200, layer 200
registry-3.1.2, sha512: manifest 200, config 200, layer 200
registry-3.1.2: garbage-collect ends with 1
registry-3.1.2, sha256: manifest 200, config 200, layer 200
registry-3.1.2, sha512: manifest 200, config 404, layer 404
TEXT
diff expected seen
