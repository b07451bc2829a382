#!/bin/sh
# Builds crictl and critest of sigs.k8s.io/cri-tools at the version of test/conformance/go.mod, the program in
# the images that stand in for critest's public ones, and a client of the newest CRI, into .conformance/.
# Needs Go.
set -eu
cd "$(dirname "$0")/../test/conformance"
if ! command -v go >/dev/null; then
  echo "conformance: needs Go (https://go.dev/dl/) to build crictl and critest" >&2
  exit 1
fi
mkdir -p ../../.conformance
echo "conformance: building crictl and critest (some minutes the first time)"
# Not every machine can fetch another toolchain, so the installed one is used.
export GOTOOLCHAIN=local GOFLAGS=-mod=readonly CGO_ENABLED=0
go build -o ../../.conformance/crictl sigs.k8s.io/cri-tools/cmd/crictl
go test -c -o ../../.conformance/critest sigs.k8s.io/cri-tools/cmd/critest
go build -o ../../.conformance/standin ./standin
# The go.mod of k8s.io/cri-api 1.38 requires a newer Go than the machine may have, without using anything of
# it. So a copy that requires less is used. Go downloads a module that requires too much, but does not unpack
# it.
cri=k8s.io/cri-api@$(sed -n 's/^\tk8s.io\/cri-api //p' cri138/go.mod)
archive=$(go mod download -json "$cri" | sed -n 's/^\t"Zip": "\(.*\)",$/\1/p')
rm -rf ../../.conformance/cri-api ../../.conformance/k8s.io
busybox unzip -q "$archive" -d ../../.conformance
mv "../../.conformance/$cri" ../../.conformance/cri-api
rmdir ../../.conformance/k8s.io
sed -i -e 's/^go .*/go 1.26.0/' -e '/^godebug /d' ../../.conformance/cri-api/go.mod
(cd cri138 && go build -o ../../../.conformance/cri138 .)
