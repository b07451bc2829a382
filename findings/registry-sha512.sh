#!/bin/sh
# The Distribution project's registry, 3.1.2, accepts a blob by its sha512 and verifies that, but responds with a sha256
# in Docker-Content-Digest, Location and ETag: a client that compares these with what it has pushed must compute the
# digest with the algorithm of the response. A manifest is rejected under its own sha512, with the message that its
# content does not match, and under a tag its digest is only the sha256: an index that names manifests by sha512 cannot
# be pushed with them.
# Needs Go's module proxy, Go 1.26 or newer, curl, iproute2 and root, for a private network namespace.
set -eu
[ "${1:-}" = inside ] || {
  work=$(mktemp -d)
  trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
  GOPATH="$work/go" GOBIN="$work" CGO_ENABLED=0 \
    go install github.com/distribution/distribution/v3/cmd/registry@v3.1.2 2>"$work/go.log" || { cat "$work/go.log"; exit 1; }
  unshare --net sh "$0" inside "$work"
  exit
}
cd "$2"
ip link set lo up
cat >registry.yml <<'YML'
version: 0.1
storage: {filesystem: {rootdirectory: data}}
http: {addr: "127.0.0.1:5000"}
YML
OTEL_TRACES_EXPORTER=none ./registry serve registry.yml >registry.log 2>&1 &
registry=$!
trap 'kill $registry' EXIT
until curl -fs http://127.0.0.1:5000/v2/ >/dev/null; do kill -0 $registry; sleep 0.1; done
repository=http://127.0.0.1:5000/v2/some/image
digest() { echo "$1:$("$1sum" "$2" | cut -d ' ' -f 1)"; }
push_blob() {
  to=$(curl -s -o answer -D - -X POST $repository/blobs/uploads/ | tr -d '\r' | sed -n 's/^Location: //Ip')
  curl -s -o answer -D - -X PUT -H 'Content-Type: application/octet-stream' --data-binary "@$1" "$to&digest=$2" | tr -d '\r'
}
put_manifest() {
  curl -s -o answer -D - -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' --data-binary @manifest \
    "$repository/manifests/$1" | tr -d '\r'
}
check() { echo "$1"; [ "$2" = "$3" ] || { echo "  expected $2, seen $3"; exit 1; }; }
header() { sed -n "s/^$1: //Ip"; }

echo '{}' >config
push_blob config "$(digest sha512 config)" >seen
check "a blob put under its sha512: 201" "HTTP/1.1 201 Created" "$(head -1 seen)"
check "and announced by its sha256" "$(digest sha256 config)" "$(header docker-content-digest <seen)"
check "it is there under its sha512: 200" 200 \
  "$(curl -s -o answer -w '%{http_code}' -I "$repository/blobs/$(digest sha512 config)")"
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"%s","digest":"%s","size":3},"layers":[]}' \
  application/vnd.oci.image.config.v1+json "$(digest sha512 config)" >manifest
put_manifest "$(digest sha512 manifest)" >seen
check "a manifest put under its own sha512: 400" "HTTP/1.1 400 Bad Request" "$(head -1 seen)"
cat answer
check "because its digest did not match" 1 "$(grep -c 'provided digest did not match uploaded content' answer)"
put_manifest tag >seen
check "the same put under a tag: 201" "HTTP/1.1 201 Created" "$(head -1 seen)"
check "and announced by its sha256" "$(digest sha256 manifest)" "$(header docker-content-digest <seen)"
echo "as stated: registry 3.1.2 knows what is pushed by sha512 by its sha256"
