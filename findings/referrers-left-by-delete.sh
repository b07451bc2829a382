#!/bin/sh
# In a registry without the referrers API, such as Distribution's 3.1.2, the manifests that refer to an image (a
# signature, a list of its parts) are listed in an index with the tag sha256-DIGEST, which clients maintain. According
# to the distribution specification ("Deleting Manifests"), a client that deletes such a manifest must also remove it
# from the index. `oras manifest delete` does; `crane delete` and `skopeo delete` do not, and succeed. From then on,
# clients that follow the index fail on the missing manifest: `oras copy --recursive` copies nothing of the image, and
# `crane copy --all-tags` stops in the middle of the repository. And the image cannot be signed again: the registry
# rejects an extended index, since it names a manifest that does not exist.
# Seen with registry 3.1.2, oras 1.3.6, crane 0.22.1 and skopeo 1.9.3 of Debian 12, as below.
# Needs Go 1.26 or newer, skopeo, curl, jq, iproute2, util-linux and root, for a private network namespace.
set -eu
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
# build PACKAGE@VERSION
build() {
  mkdir build
  (cd build && go mod init finding.invalid >/dev/null 2>&1 && GOFLAGS=-mod=mod go get "$1" >/dev/null 2>&1 &&
    GOFLAGS=-mod=mod CGO_ENABLED=0 go build -o "$work/" "${1%@*}")
  chmod -R u+w build
  rm -rf build
}
build github.com/distribution/distribution/v3/cmd/registry@v3.1.2
build oras.land/oras/cmd/oras@v1.3.6
build github.com/google/go-containerregistry/cmd/crane@v0.22.1
cat >registry.yml <<YML
version: 0.1
storage: {filesystem: {rootdirectory: $work/data}, delete: {enabled: true}}
http: {addr: "127.0.0.1:5000"}
YML
cat >try.sh <<'SH'
ip link set lo up
export OTEL_TRACES_EXPORTER=none HOME="$PWD"
./registry serve registry.yml >registry.log 2>&1 & registry=$!
trap 'kill $registry' EXIT
until curl -fs http://127.0.0.1:5000/v2/ >/dev/null; do kill -0 $registry; sleep 0.1; done
outcome() { "$@" >answer 2>&1 && echo succeeds || echo fails; }
echo text >file
for client in oras crane skopeo; do
  image=127.0.0.1:5000/$client
  ./oras push --plain-http "$image:tag" file >answer
  for kind in first second; do ./oras attach --plain-http --artifact-type finding/$kind "$image:tag" file >answer; done
  referrers() { ./oras discover --plain-http --format json "$image:tag" | jq -r ".referrers[]$1"; }
  first=$image@$(referrers ' | select(.artifactType == "finding/first").digest')
  case $client in
    oras) deletion="$(outcome ./oras manifest delete --plain-http --force "$first")" ;;
    crane) deletion="$(outcome ./crane delete "$first")" ;;
    skopeo) deletion="$(outcome skopeo --insecure-policy delete --tls-verify=false "docker://$first")" ;;
  esac
  echo "$client's deletion of the first $deletion, listed are $(referrers .artifactType | paste -sd ' ')"
  echo "  oras copy --recursive $(outcome ./oras copy --recursive --from-plain-http --to-plain-http "$image:tag" "$image-copy:tag")"
  echo "  oras attach of a third $(outcome ./oras attach --plain-http --artifact-type finding/third "$image:tag" file)"
  echo "  crane copy --all-tags $(outcome ./crane copy --all-tags "$image" "$image-all")"
done
SH
unshare --net --mount sh try.sh >seen
cat seen
cat >expected <<'TEXT'
oras's deletion of the first succeeds, listed are finding/second
  oras copy --recursive succeeds
  oras attach of a third succeeds
  crane copy --all-tags succeeds
crane's deletion of the first succeeds, listed are finding/first finding/second
  oras copy --recursive fails
  oras attach of a third fails
  crane copy --all-tags fails
skopeo's deletion of the first succeeds, listed are finding/first finding/second
  oras copy --recursive fails
  oras attach of a third fails
  crane copy --all-tags fails
TEXT
diff expected seen
