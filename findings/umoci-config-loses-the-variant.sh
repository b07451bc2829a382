#!/bin/sh
# `umoci config` rewrites an image's configuration with only the properties that it knows. Others are lost, without a
# warning:
# - 0.6.0 loses `variant`, a property of the image specification: an image for ARMv6 becomes one for ARM, which
#   containerd and others interpret as ARMv7. 0.4.7 of Debian 12 keeps it. The index still has the variant, and
#   contradicts the configuration.
# - Both lose Docker's Healthcheck, which the specification reserves, OnBuild and Shell, even if something else is
#   changed, such as an environment variable here. So a container of the changed image never becomes unhealthy.
# Seen as below; crane 0.22.1 (`crane mutate --env`) keeps all four.
# Needs Go, Debian 12's package lists and jq.
set -eu
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
mkdir debian build
(cd debian && apt-get download umoci=0.4.7+ds-3+b7 >/dev/null 2>&1 && dpkg-deb -x ./*.deb .)
(cd build && go mod init finding.invalid >/dev/null 2>&1 && GOFLAGS=-mod=mod go get github.com/opencontainers/umoci@v0.6.0 >/dev/null 2>&1 &&
  GOFLAGS=-mod=mod CGO_ENABLED=0 go build -o "$work/umoci" github.com/opencontainers/umoci/cmd/umoci)
mkdir -p image/blobs/sha256
echo '{"imageLayoutVersion":"1.0.0"}' >image/oci-layout
# blob TYPE: takes a blob from standard input, says its descriptor
blob() {
  cat >blob
  digest=$(sha256sum blob | cut -d ' ' -f 1)
  size=$(wc -c <blob)
  mv blob "image/blobs/sha256/$digest"
  printf '{"mediaType":"application/vnd.oci.image.%s.v1+json","digest":"sha256:%s","size":%s}' "$1" "$digest" "$size"
}
config=$(blob config <<'JSON'
{ "architecture": "arm", "variant": "v6", "os": "linux", "rootfs": { "type": "layers", "diff_ids": [] },
  "config": { "Cmd": ["/server"], "Healthcheck": { "Test": ["CMD", "/healthy"] }, "OnBuild": ["RUN make"], "Shell": ["/bin/bash", "-c"] } }
JSON
)
manifest=$(printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":%s,"layers":[]}' "$config" | blob manifest)
jq -n --argjson manifest "$manifest" '{ schemaVersion: 2, manifests: [$manifest + {
  platform: { architecture: "arm", variant: "v6", os: "linux" }, annotations: { "org.opencontainers.image.ref.name": "before" } }] }' >image/index.json
# shows WHO TAG
shows() {
  entry=$(jq -c --arg tag "$2" '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $tag)' image/index.json)
  at() { echo "image/blobs/$(echo "$1" | tr : /)"; }
  config=$(at "$(jq -r .config.digest "$(at "$(echo "$entry" | jq -r .digest)")")")
  echo "$1: $(echo "$entry" | jq -r .platform.variant) in the index; $(jq -c '[.variant, (.config | keys - ["Cmd", "Env"])]' "$config")"
}
{
  shows "as it was" before
  for umoci in debian/usr/bin/umoci ./umoci; do
    "$umoci" config --image image:before --tag after --config.env LANG=C
    shows "$("$umoci" --version | sed -n 's/^umoci version \([0-9.]*\).*/umoci \1/p')" after
  done
} >seen
cat seen
cat >expected <<'TEXT'
as it was: v6 in the index; ["v6",["Healthcheck","OnBuild","Shell"]]
umoci 0.4.7: v6 in the index; ["v6",[]]
umoci 0.6.0: v6 in the index; [null,[]]
TEXT
diff expected seen
