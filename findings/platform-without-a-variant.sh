#!/bin/sh
# An image index may have several variants of one platform: linux/amd64 for every machine, and linux/amd64/v3 for those
# with AVX2. Clients differ in which entry they choose for linux/amd64:
# - containerd's matcher (also in nerdctl and BuildKit) and skopeo choose the entry without a variant, wherever it is.
#   If there is only v3, they find none.
# - crane, whose default is linux/amd64, and oras choose the first entry of the architecture, whatever its variant.
# So if v3 comes first, `crane export`, `crane copy --platform linux/amd64`, `oras copy --platform linux/amd64` and
# programs built with their libraries pass on programs that older machines cannot run, from an index that works on these
# machines with containerd. An index is safe with all clients if the entry without a variant comes first.
# Seen with crane 0.22.1, oras 1.3.6, containerd/platforms 1.0.0-rc.5 and skopeo 1.9.3 of Debian 12, as below.
# Needs Go 1.26 or newer, skopeo, curl, jq, iproute2, util-linux and root; the registry is crane's own, in a network
# namespace.
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
build oras.land/oras/cmd/oras@v1.3.6
build github.com/google/go-containerregistry/cmd/crane@v0.22.1
mkdir matcher
cat >matcher/main.go <<'GO'
// Says which entry of the index on standard input containerd takes for linux/amd64.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/containerd/platforms"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

func main() {
	var index v1.Index
	if err := json.NewDecoder(os.Stdin).Decode(&index); err != nil {
		panic(err)
	}
	wanted := platforms.Only(platforms.MustParse("linux/amd64"))
	taken := "none"
	var best *v1.Platform
	for _, entry := range index.Manifests {
		if wanted.Match(*entry.Platform) && (best == nil || wanted.Less(*entry.Platform, *best)) {
			best = entry.Platform
			taken = "plain"
			if best.Variant != "" {
				taken = best.Variant
			}
		}
	}
	fmt.Println(taken)
}
GO
(cd matcher && go mod init finding.invalid >/dev/null 2>&1 && GOFLAGS=-mod=mod go get github.com/containerd/platforms@v1.0.0-rc.5 >/dev/null 2>&1 &&
  GOFLAGS=-mod=mod go build -o "$work/containerd-platforms" .)
cat >try.sh <<'SH'
ip link set lo up
export HOME="$PWD"
image=127.0.0.1:5000/some/image
./crane registry serve --address 127.0.0.1:5000 >registry.log 2>&1 & registry=$!
trap 'kill $registry' EXIT
until curl -fs http://127.0.0.1:5000/v2/ >/dev/null; do kill -0 $registry; sleep 0.1; done
types=application/vnd.oci.image
# digest FILE, push KIND FILE TYPE
digest() { echo "sha256:$(sha256sum "$1" | cut -d ' ' -f 1)"; }
blob() {
  to=$(curl -fs -o answer -D - -X POST http://127.0.0.1:5000/v2/some/image/blobs/uploads/ | tr -d '\r' | sed -n 's/^Location: //Ip')
  curl -fs -X PUT -H 'Content-Type: application/octet-stream' --data-binary @"$1" "http://127.0.0.1:5000$to?digest=$(digest "$1")"
}
manifest() { curl -fs -X PUT -H "Content-Type: $2" --data-binary @"$1" "http://127.0.0.1:5000/v2/some/image/manifests/$3"; }
descriptor() { jq -n --arg type "$2" --arg digest "$(digest "$1")" --argjson size "$(wc -c <"$1")" '{ mediaType: $type, digest: $digest, size: $size }'; }
# entry VARIANT: pushes an image of linux/amd64, whose author says the variant; says its entry in an index
entry() {
  jq -n --arg variant "$1" '{ os: "linux", architecture: "amd64" } + (if $variant == "plain" then {} else { $variant } end)' >platform
  jq --arg author "$1" '. + { author: $author, rootfs: { type: "layers", diff_ids: [] } }' platform >config
  blob config
  jq -n --arg type $types.manifest.v1+json --argjson config "$(descriptor config $types.config.v1+json)" \
    '{ schemaVersion: 2, mediaType: $type, config: $config, layers: [] }' >image
  manifest image $types.manifest.v1+json "$(digest image)"
  descriptor image $types.manifest.v1+json | jq -c --slurpfile platform platform '. + { platform: $platform[0] }'
}
plain=$(entry plain)
v3=$(entry v3)
author() { jq -sr '.[0].author // "none"'; }
try() {
  jq -n --arg type $types.index.v1+json --argjson manifests "$2" '{ schemaVersion: 2, mediaType: $type, manifests: $manifests }' >index
  manifest index $types.index.v1+json index
  echo "$1: crane $(./crane config --platform linux/amd64 $image:index | author), oras $(
    ./oras manifest fetch-config --plain-http --platform linux/amd64 $image:index | author), containerd $(./containerd-platforms <index), skopeo $(
    skopeo --override-arch amd64 inspect --config --tls-verify=false docker://$image:index 2>/dev/null | author)"
}
try "plain, v3" "[$plain, $v3]"
try "v3, plain" "[$v3, $plain]"
try "v3" "[$v3]"
SH
unshare --net --mount sh try.sh >seen
cat seen
cat >expected <<'TEXT'
plain, v3: crane plain, oras plain, containerd plain, skopeo plain
v3, plain: crane v3, oras v3, containerd plain, skopeo plain
v3: crane v3, oras v3, containerd none, skopeo none
TEXT
diff expected seen
