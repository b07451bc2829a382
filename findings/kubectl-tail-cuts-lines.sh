#!/bin/sh
# In CRI logs, a long line is split into pieces, tagged P and, for the last, F: of at most 8 KiB by conmon 2.1.6, and 16
# KiB by containerd. Kubernetes' reader (k8s.io/cri-client 0.37.0, in kubelets for `kubectl logs` and in crictl) joins
# the pieces, but counts pieces for `tailLines`: `--tail=1` of a log whose last line is long shows only the end of that
# line, as if it were the whole, so that a JSON document lacks its beginning. Kubernetes' API defines tailLines as "the
# number of lines from the end of the logs".
# Seen as below: of a line of 20000 letters the last 3616.
# Needs Debian 12's package lists, Go 1.26 or newer, busybox and root; mounts are made in a private mount namespace.
set -eu
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
mkdir debian reader
(cd debian && apt-get download conmon=2.1.6+ds1-1 crun=1.8.1-1+deb12u1 >/dev/null 2>&1 && for package in *.deb; do dpkg-deb -x "$package" .; done)
cat >reader/main.go <<'GO'
package main

import (
	"context"
	"os"
	"strconv"

	"k8s.io/cri-client/pkg/logs"
)

func main() {
	options := &logs.LogOptions{}
	if len(os.Args) > 2 {
		lines, _ := strconv.ParseInt(os.Args[2], 10, 64)
		options.TailLines = &lines
	}
	if err := logs.ReadLogs(context.Background(), os.Args[1], "finding", options, nil, os.Stdout, os.Stderr); err != nil {
		panic(err)
	}
}
GO
(cd reader && go mod init finding.invalid >/dev/null 2>&1 && GOFLAGS=-mod=mod go get k8s.io/cri-client@v0.37.0 >/dev/null 2>&1 &&
  GOFLAGS=-mod=mod CGO_ENABLED=0 go build -o "$work/read-logs" .)
mkdir -p bundle/rootfs/bin bundle/rootfs/proc bundle/rootfs/dev
cp "$(command -v busybox)" bundle/rootfs/bin/busybox
cat >bundle/config.json <<'JSON'
{ "ociVersion": "1.0.2", "root": { "path": "rootfs" },
  "process": { "user": { "uid": 0, "gid": 0 }, "cwd": "/", "env": ["PATH=/bin"],
    "args": ["/bin/busybox", "sh", "-c", "echo short; echo $(busybox head -c 20000 /dev/zero | busybox tr '\\0' x)"] },
  "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }, { "destination": "/dev", "type": "tmpfs", "source": "tmpfs" },
    { "destination": "/dev/null", "type": "bind", "source": "/dev/null", "options": ["bind"] },
    { "destination": "/dev/zero", "type": "bind", "source": "/dev/zero", "options": ["bind"] }],
  "linux": { "namespaces": [{ "type": "mount" }, { "type": "pid" }] } }
JSON
cat >try.sh <<'SH'
runtime=$PWD/debian/usr/bin/crun id="finding-$$"
debian/usr/bin/conmon --cid "$id" --cuuid "$id" --name "$id" --bundle "$PWD/bundle" --runtime "$runtime" --exit-dir "$PWD/exits" \
  --socket-dir-path "$PWD" --runtime-arg --root="$PWD/state" --runtime-arg --cgroup-manager=disabled --log-path "k8s-file:$PWD/log" \
  --conmon-pidfile "$PWD/conmon.pid" --container-pidfile "$PWD/pid" </dev/null >/dev/null 2>&1
until [ -s pid ]; do sleep 0.1; done
"$runtime" --root "$PWD/state" --cgroup-manager=disabled start "$id"
until [ -e "exits/$id" ]; do sleep 0.1; done
"$runtime" --root "$PWD/state" --cgroup-manager=disabled delete --force "$id"
echo "pieces in the log: $(awk '{ printf "%s %d  ", $3, length($4) }' log | sed 's/  $//')"
for tail in "" 1 2 3 4; do echo "tail ${tail:-not given}: lines of $(./read-logs log $tail | awk '{ printf " %d", length($0) }')"; done
SH
mkdir exits
unshare --mount --propagation private sh try.sh >seen
cat seen
cat >expected <<'TEXT'
pieces in the log: F 5  P 8192  P 8192  F 3616
tail not given: lines of  5 20000
tail 1: lines of  3616
tail 2: lines of  11808
tail 3: lines of  20000
tail 4: lines of  5 20000
TEXT
diff expected seen
