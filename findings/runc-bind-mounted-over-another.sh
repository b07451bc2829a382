#!/bin/sh
# runc 1.5.3 (since 1.2) starts itself again from an overlay mount over the directory of its program. The overlay does
# not include a bind mount of a single file: if runc is bind-mounted over another program, that other one is started as
# `runc init`. Over runc 1.1.15, every container fails with an error that does not explain it:
# - unable to start container process: can't get final child's PID from pipe: invalid character '\x00' looking for
#   beginning of value
# Bind-mounted over a file in a directory that is already on an overlay, or copied there, the same program works.
# Needs Go, gcc and root; mounts are made in a private mount namespace.
set -eu
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
build() {
  mkdir "build-$1"
  (cd "build-$1" && go mod init finding.invalid >/dev/null 2>&1 && GOFLAGS=-mod=mod go get "github.com/opencontainers/runc@v$1" >/dev/null 2>&1 &&
    GOFLAGS=-mod=mod go build -o "$work/runc-$1" github.com/opencontainers/runc)
}
build 1.1.15
build 1.5.3
mkdir -p bundle/rootfs/bin bin
cp "$(command -v busybox)" bundle/rootfs/bin/busybox
cp runc-1.1.15 bin/runc
(cd bundle && "$work/runc-1.5.3" spec &&
  sed -i 's/"terminal": true/"terminal": false/; s#"sh"#"/bin/busybox", "echo", "it runs"#' config.json)
cat >try.sh <<'SH'
run() { "$1" --root "$PWD/state" run --bundle bundle "finding-$$-$2" 2>&1 | sed 's/^.*final child/... final child/; s/"$//' | tail -n 1; }
echo "copied: $(run ./runc-1.5.3 copied)"
mount --bind runc-1.5.3 bin/runc
echo "bind-mounted over 1.1.15: $(run bin/runc bound)"
SH
unshare --mount sh try.sh >seen
cat seen
cat >expected <<'TEXT'
copied: it runs
bind-mounted over 1.1.15: ... final child's PID from pipe: invalid character '\x00' looking for beginning of value
TEXT
diff expected seen
