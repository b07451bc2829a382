#!/bin/sh
# For a container with the network "none", Docker Engine 20.10.24 keeps an endpoint, and adds a hook to the OCI
# configuration to learn the network namespace: the OCI runtime runs dockerd again during each start, and waits for it.
# With NetworkDisabled true in the container's configuration there is neither, and its processes get the same: a
# namespace with only the loopback interface, which is up. Docker Engine 28.5.2 has no such hook, but still the
# endpoint.
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
import glob, json, subprocess, sys, urllib.parse
version = sys.argv[1]
def ask(method, path, body=None, file=None):
    command = ["curl", "-s", "--unix-socket", "run/d.sock", "-X", method, f"http://d/v{version}{path}"]
    if file: command += ["-H", "Content-Type: application/x-tar", "--data-binary", f"@{file}"]
    if body is not None: command += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    out = subprocess.run(command, capture_output=True, check=True).stdout
    return json.loads(out) if out.startswith(b"{") and b"}\n{" not in out and b"}\r\n{" not in out else None
ask("POST", "/images/create?fromSrc=-&repo=finding", file="root.tar")
kinds = {'NetworkMode "none"': {"HostConfig": {"NetworkMode": "none"}}, "NetworkDisabled": {"NetworkDisabled": True}}
for title, more in kinds.items():
    made = ask("POST", "/containers/create", {"Image": "finding", "Cmd": ["/bin/busybox", "sleep", "100"], **more})["Id"]
    ask("POST", f"/containers/{made}/start")
    [path] = glob.glob(f"run/exec/**/{made}/config.json", recursive=True)
    hooks = [hook for kind in (json.load(open(path)).get("hooks") or {}).values() for hook in kind]
    state = ask("GET", f"/containers/{made}/json")
    pid = str(state["State"]["Pid"])
    shown = subprocess.run(["nsenter", "-t", pid, "-n", "ip", "-json", "link"], capture_output=True, check=True).stdout
    links = [(link["ifname"], "up" if "UP" in link["flags"] else "down") for link in json.loads(shown)]
    names = [hook["args"][0] for hook in hooks]
    print(f"{title}: hooks {names}, endpoints of {sorted(state['NetworkSettings']['Networks'] or [])}, interfaces {links}")
    ask("DELETE", f"/containers/{made}?force=1")
PY
cat >engine.sh <<'SH'
# engine.sh API PROGRAMS: what that engine makes
PATH=$2:$PATH
mkdir run
dockerd --data-root "$PWD/run/data" --exec-root "$PWD/run/exec" -H "unix://$PWD/run/d.sock" --pidfile "$PWD/run/pid" \
  --bridge none --iptables=false --ip6tables=false >log 2>&1 &
engine=$!
while ! curl -s --unix-socket run/d.sock http://d/_ping >/dev/null; do kill -0 "$engine"; sleep 0.2; done
dockerd --version | sed 's/.*version \([0-9.]*\).*/Docker Engine \1/'
python3 ask.py "$1" || true
kill "$engine"
wait "$engine" || true
rm -rf run
SH
{
  unshare --mount --net --propagation private sh engine.sh 1.41 "$work/debian/usr/bin:$work/debian/usr/sbin"
  unshare --mount --net --propagation private sh engine.sh 1.51 "$work/later"
} >seen
cat seen
cat >expected <<'TEXT'
Docker Engine 20.10.24
NetworkMode "none": hooks ['libnetwork-setkey'], endpoints of ['none'], interfaces [('lo', 'up')]
NetworkDisabled: hooks [], endpoints of [], interfaces [('lo', 'up')]
Docker Engine 28.5.2
NetworkMode "none": hooks [], endpoints of ['none'], interfaces [('lo', 'up')]
NetworkDisabled: hooks [], endpoints of [], interfaces [('lo', 'up')]
TEXT
diff expected seen
