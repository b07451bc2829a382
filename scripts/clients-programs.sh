#!/bin/sh
# Builds programs that use containerd's API into .clients/, at the versions of test/clients/go.mod: ctr,
# nerdctl, buildkitd, buildctl, a program of our own that uses containerd's client library, containerd's own
# tests, and the containerd with which berth is compared. It also builds other programs that read and write
# images: oras, crane and the newest registry, and cosign, which signs images. Needs Go.
set -eu
cd "$(dirname "$0")/../test/clients"
if ! command -v go >/dev/null; then
  echo "clients: needs Go (https://go.dev/dl/) to build ctr, nerdctl, buildkitd and others" >&2
  exit 1
fi
mkdir -p ../../.clients
echo "clients: building ctr, nerdctl, buildkitd, buildctl, goclient and containerd (some minutes the first time)"
# Not every machine can fetch another toolchain, so the installed one is used.
export GOTOOLCHAIN=local GOFLAGS=-mod=readonly CGO_ENABLED=0
containerd=github.com/containerd/containerd/v2
buildkit=github.com/moby/buildkit
nerdctl=github.com/containerd/nerdctl/v2
# Without this, they report an unknown version.
version=$(go list -m -f '{{.Version}}' $containerd)
buildkit_version=$(go list -m -f '{{.Version}}' $buildkit)
nerdctl_version=$(go list -m -f '{{.Version}}' $nerdctl)
go build -o ../../.clients/ \
  -ldflags "-X $containerd/version.Version=$version -X $buildkit/version.Version=$buildkit_version \
    -X $nerdctl/pkg/version.Version=$nerdctl_version" \
  $containerd/cmd/ctr $containerd/cmd/containerd $containerd/cmd/containerd-shim-runc-v2 \
  $nerdctl/cmd/nerdctl $buildkit/cmd/buildkitd $buildkit/cmd/buildctl ./goclient
# containerd's own tests of CRI and of its client library; their further modules are in its go.sum.
source=$(go list -m -f '{{.Dir}}' $containerd)
programs=$(cd ../../.clients && pwd)
(cd "$source" && go test -c -o "$programs/containerd-integration.test" ./integration &&
  go test -c -o "$programs/containerd-client.test" ./integration/client)
echo "clients: building oras, crane and registry (test/clients/imagetools)"
cd imagetools
go build -o ../../../.clients/ oras.land/oras/cmd/oras github.com/google/go-containerregistry/cmd/crane \
  github.com/distribution/distribution/v3/cmd/registry
echo "clients: building cosign (test/clients/signtools)"
cd ../signtools
go build -o ../../../.clients/ github.com/sigstore/cosign/v3/cmd/cosign
