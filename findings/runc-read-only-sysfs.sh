#!/bin/sh
# A network namespace has one sysfs. runc 1.1.15 and 1.5.3 mount a container's /sys with `ro` as an option of the file
# system itself, not only of the mount. If the first container in a network namespace has a read-only /sys, as
# unprivileged containers do, no later container in the same namespace can write to /sys, even if its own mount is
# writable, as in a privileged container of the same pod. A second mount with `remount` in its options corrects this.
# Needs Go, gcc, busybox and root; mounts are made in a private mount namespace.
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
bundle() {
  mkdir -p "$1/rootfs/bin" "$1/rootfs/proc" "$1/rootfs/sys" "$1/rootfs/dev"
  cp "$(command -v busybox)" "$1/rootfs/bin/busybox"
  net_admin='["CAP_NET_ADMIN"]'
  cat >"$1/config.json" <<JSON
{ "ociVersion": "1.0.2", "root": { "path": "rootfs" },
  "process": { "user": { "uid": 0, "gid": 0 }, "cwd": "/", "env": ["PATH=/bin"], "args": ["/bin/busybox", $2],
    "capabilities": { "bounding": $net_admin, "effective": $net_admin, "permitted": $net_admin } },
  "mounts": [
    { "destination": "/proc", "type": "proc", "source": "proc" },
    { "destination": "/dev", "type": "tmpfs", "source": "tmpfs" },
    { "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": [$3] }$4 ],
  "linux": { "namespaces": [{ "type": "mount" }, { "type": "pid" }] } }
JSON
}
write='"sh", "-c", "busybox echo here 2>/dev/null >/sys/class/net/lo/ifalias && busybox echo writable || busybox echo read-only"'
bundle first '"sleep", "1000"' '"ro"' ''
bundle writable "$write" '"rw"' ''
bundle remounted "$write" '"rw"' ', { "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["remount", "rw"] }'
cat >try.sh <<'SH'
runc() { "./$program" --root "$PWD/state" "$@" </dev/null 2>&1; }
program=$1
alone=$(runc run --bundle writable "finding-$$-alone" | tail -n 1)
runc run --detach --bundle first "finding-$$-first" >/dev/null
beside=$(runc run --bundle writable "finding-$$-beside" | tail -n 1)
remounted=$(runc run --bundle remounted "finding-$$-remounted" | tail -n 1)
runc delete --force "finding-$$-first" >/dev/null
echo "$program: alone $alone, beside a read-only one $beside, mounted anew $remounted"
SH
seen() { unshare --net --mount sh try.sh "$1"; }
{ seen runc-1.1.15; seen runc-1.5.3; } >seen
cat seen
cat >expected <<'TEXT'
runc-1.1.15: alone writable, beside a read-only one read-only, mounted anew writable
runc-1.5.3: alone writable, beside a read-only one read-only, mounted anew writable
TEXT
diff expected seen
