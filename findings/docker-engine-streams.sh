#!/bin/sh
# Docker Engine 20.10.24 splits long lines of a container's output into pieces of 16 KiB. In a log with timestamps, each
# piece gets one, not each line: with a terminal, where messages have no frames, a timestamp is then in the middle of a
# line, and only the length of the text before it distinguishes it from the container's output. And for an `exec` of a
# command that does not exist, the connection is accepted, and the engine's error appears as if the command had written
# it to its standard output, with exit code 126 instead of the shells' 127.
# Needs Debian's archive, curl, busybox, python3 and root; everything is in private namespaces and a private directory.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
version=20.10.24+dfsg1-1+deb12u1+b6
apt-get -q download "docker.io=$version" tini >/dev/null 2>&1
for package in ./*.deb; do dpkg -x "$package" programs; done
mkdir -p root/bin
cp "$(command -v busybox)" root/bin/busybox
cat >ask.py <<'PY'
import json, socket, sys, time, urllib.parse
sock = sys.argv[1]
def ask(method, path, body=None, upgrade=False):
    s = socket.socket(socket.AF_UNIX); s.connect(sock)
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = "application/x-tar" if isinstance(body, bytes) else "application/json"
    head = f"{method} /v1.41{path} HTTP/1.0\r\nHost: d\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n"
    if upgrade: head = head.replace("HTTP/1.0", "HTTP/1.1") + "Connection: Upgrade\r\nUpgrade: tcp\r\n"
    s.sendall(head.encode() + b"\r\n" + data)
    answer = b""
    while True:
        chunk = s.recv(65536)
        if not chunk: break
        answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body
ask("POST", "/images/create?fromSrc=-&repo=finding", open("root.tar", "rb").read())
def run(tty, command):
    host = {"NetworkMode": "none", "LogConfig": {"Type": "json-file"}}
    _, made = ask("POST", "/containers/create", {"Image": "finding", "Cmd": command, "Tty": tty, "HostConfig": host})
    identity = json.loads(made)["Id"]
    ask("POST", f"/containers/{identity}/start")
    return identity
line = ["/bin/busybox", "sh", "-c", "/bin/busybox head -c 40000 /dev/zero | /bin/busybox tr '\\0' x; echo"]
one = run(True, line)
ask("POST", f"/containers/{one}/wait")
_, log = ask("GET", f"/containers/{one}/logs?stdout=1&timestamps=1")
pieces = [len(piece.split(b" ", 1)[1]) for piece in log.replace(b"\r\n", b"").replace(b"20", b"\n20").split(b"\n") if b" " in piece]
print("with a terminal: one line of 40000, with", len(pieces), "times, before", *pieces)
two = run(False, ["/bin/busybox", "sleep", "100"])
_, made = ask("POST", f"/containers/{two}/exec", {"Cmd": ["/no/such"], "AttachStdout": True, "AttachStderr": True})
execution = json.loads(made)["Id"]
status, body = ask("POST", f"/exec/{execution}/start", {"Detach": False, "Tty": False}, upgrade=True)
_, told = ask("GET", f"/exec/{execution}/json")
print("exec of a missing command: status", status, "stream", body[0], "begins", body[8:29].decode(), "exit code", json.loads(told)["ExitCode"])
ask("DELETE", f"/containers/{two}?force=1")
PY
tar -C root -cf root.tar .
cat >engine.sh <<'SH'
PATH=$PWD/programs/usr/bin:$PWD/programs/usr/sbin:$PATH
dockerd --data-root "$PWD/data" --exec-root "$PWD/exec" -H "unix://$PWD/d.sock" --pidfile "$PWD/pid" --bridge none --iptables=false --ip6tables=false >log 2>&1 &
engine=$!
while ! curl -s --unix-socket d.sock http://d/_ping >/dev/null; do kill -0 "$engine"; sleep 0.2; done
python3 ask.py d.sock || true
kill "$engine"
wait "$engine" || true
SH
unshare --mount --net --propagation private sh engine.sh >seen
cat seen
cat >expected <<'TEXT'
with a terminal: one line of 40000, with 3 times, before 16384 16384 7232
exec of a missing command: status 101 stream 1 begins OCI runtime exec fail exit code 126
TEXT
diff expected seen
