#!/bin/sh
# Three behaviours of Docker Engine:
# - A client that is attached to a container's input and output closes its side of the connection after it has sent
#   everything. With StdinOnce true it then still gets the container's output. With StdinOnce false the engine (20.10.24
#   and 28.5.2) closes the connection, and the response to the last input is lost, though the container continues and
#   its input stays open. Such a client must keep its side open until it has received what it expects.
# - Mounts of images (Type "image", new in 28): one image cannot be mounted at two places of a container under the same
#   name; creating the container fails with status 500. Under two names, such as its id and a prefix of that, it works.
# - An engine that is started with `--bridge none` (20.10.24 and 28.5.2) deletes the interface docker0, even if it
#   belongs to another engine on the machine or was created by a person.
# Needs Debian 12 (whose package lists say where later ones are), patchelf, curl, busybox, python3, iproute2 and root;
# everything is in private namespaces and a private directory.
set -eu
directory=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
sh "$directory/../scripts/later-debian.sh" "$work/later" forky docker.io -- \
  usr/sbin/dockerd usr/bin/containerd usr/bin/containerd-shim-runc-v2 usr/sbin/runc >&2
mkdir debian
(cd debian && apt-get -q download docker.io=20.10.24+dfsg1-1+deb12u1+b6 >/dev/null 2>&1 && dpkg-deb -x ./*.deb .)
mkdir -p root/bin
cp "$(command -v busybox)" root/bin/busybox
tar -C root -cf root.tar .
cat >ask.py <<'PY'
import json, socket, sys
sock, version, mounts = sys.argv[1], sys.argv[2], sys.argv[3] == "mounts"
def send(method, path, body=None, upgrade=False):
    s = socket.socket(socket.AF_UNIX); s.settimeout(20); s.connect(sock)
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = "application/x-tar" if isinstance(body, bytes) else "application/json"
    head = f"{method} /v{version}{path} HTTP/1.{1 if upgrade else 0}\r\nHost: d\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n"
    if upgrade: head += "Connection: Upgrade\r\nUpgrade: tcp\r\n"
    s.sendall(head.encode() + b"\r\n" + data)
    return s
def ask(method, path, body=None):
    s, answer = send(method, path, body), b""
    while chunk := s.recv(65536): answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body
def attach(identity, flags):
    s, head = send("POST", f"/containers/{identity}/attach?stream=1&{flags}", upgrade=True), b""
    while not head.endswith(b"\r\n\r\n"): head += s.recv(1)
    return s
def make(**more):
    host = {"NetworkMode": "none", **more.pop("HostConfig", {})}
    status, made = ask("POST", "/containers/create", {"Image": "finding", "HostConfig": host, **more})
    return status, json.loads(made).get("Id")
ask("POST", "/images/create?fromSrc=-&repo=finding", open("root.tar", "rb").read())
for once in True, False:
    _, reader = make(Cmd=["/bin/busybox", "sh", "-c", "read line; /bin/busybox sleep 1; echo $line"], OpenStdin=True, StdinOnce=once)
    ask("POST", f"/containers/{reader}/start")
    client, got = attach(reader, "stdin=1&stdout=1"), b""
    client.sendall(b"here\n")
    client.shutdown(socket.SHUT_WR)
    while chunk := client.recv(100): got += chunk
    ask("POST", f"/containers/{reader}/wait")
    _, log = ask("GET", f"/containers/{reader}/logs?stdout=1")
    print(f"StdinOnce {once}: the client gets", got[8:], "and the log has", log[8:])
    ask("DELETE", f"/containers/{reader}?force=1")
if not mounts: sys.exit()
image = json.loads(ask("GET", "/images/finding/json")[1])["Id"].split(":")[1]
for title, names in ("the same name", [image, image]), ("two names", [image, image[:-1]]):
    at = [{"Type": "image", "Source": name, "Target": f"/{place}"} for name, place in zip(names, "ab")]
    status, made = make(Cmd=["/bin/busybox", "true"], HostConfig={"Mounts": at})
    started = ask("POST", f"/containers/{made}/start")[0] if made else None
    print(f"one image at two places by {title}: create {status}, start {started}")
    ask("DELETE", f"/containers/{made}?force=1")
PY
cat >engine.sh <<'SH'
# engine.sh TITLE API WHAT PROGRAMS: what that engine answers
PATH=$4:$PATH
mkdir run
ip link add docker0 type bridge
dockerd --data-root "$PWD/run/data" --exec-root "$PWD/run/exec" -H "unix://$PWD/run/d.sock" --pidfile "$PWD/run/pid" \
  --bridge none --iptables=false --ip6tables=false >log 2>&1 &
engine=$!
while ! curl -s --unix-socket run/d.sock http://d/_ping >/dev/null; do kill -0 "$engine"; sleep 0.2; done
dockerd --version | sed 's/.*version \([0-9.]*\).*/Docker Engine \1/'
ip link show docker0 >/dev/null 2>&1 && echo "docker0 is there" || echo "docker0 is gone"
python3 ask.py run/d.sock "$2" "$3" || true
kill "$engine"
wait "$engine" || true
rm -rf run
SH
{
  unshare --mount --net --propagation private sh engine.sh 20 1.41 inputs "$work/debian/usr/bin:$work/debian/usr/sbin"
  unshare --mount --net --propagation private sh engine.sh 28 1.51 mounts "$work/later"
} >seen
cat seen
cat >expected <<'TEXT'
Docker Engine 20.10.24
docker0 is gone
StdinOnce True: the client gets b'here\n' and the log has b'here\n'
StdinOnce False: the client gets b'' and the log has b'here\n'
Docker Engine 28.5.2
docker0 is gone
StdinOnce True: the client gets b'here\n' and the log has b'here\n'
StdinOnce False: the client gets b'' and the log has b'here\n'
one image at two places by the same name: create 500, start None
one image at two places by two names: create 201, start 204
TEXT
diff expected seen
