#!/bin/sh
# Docker Engine 20.10.24: the times in a container's log, requested with `timestamps=1`, depend on the log driver. The
# driver json-file keeps and gives them in UTC, 30 bytes that end with "Z". The driver local keeps a number of
# nanoseconds, and gives it in dockerd's own time zone: with an offset, 35 bytes. So the text before a message is longer
# there, and lines of two engines, or of one before and after its TZ has changed, do not compare as text. Seen with
# TZ=Asia/Kolkata: "json-file: TIMEZ hello", "local: TIME+05:30 hello".
# Needs Debian's archive, curl, busybox, tar, tzdata and root; everything is in private namespaces and a private directory.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
version=20.10.24+dfsg1-1+deb12u1+b6
apt-get -q download "docker.io=$version" tini >/dev/null 2>&1
for package in ./*.deb; do dpkg -x "$package" programs; done
mkdir -p root/bin
cp "$(command -v busybox)" root/bin/busybox
tar -C root -cf root.tar .
cat >engine.sh <<'SH'
PATH=$PWD/programs/usr/bin:$PWD/programs/usr/sbin:$PATH
TZ=Asia/Kolkata dockerd --data-root "$PWD/data" --exec-root "$PWD/exec" -H "unix://$PWD/d.sock" --pidfile "$PWD/pid" --bridge none --iptables=false --ip6tables=false >log 2>&1 &
engine=$!
ask() {
  path=$1
  shift
  curl -sS --unix-socket d.sock "$@" "http://d/v1.41$path"
}
while ! curl -s --unix-socket d.sock http://d/_ping >/dev/null; do kill -0 "$engine"; sleep 0.2; done
ask "/images/create?fromSrc=-&repo=finding" -H 'Content-Type: application/x-tar' --data-binary @root.tar >/dev/null
for driver in json-file local; do
  ask "/containers/create?name=$driver" -H 'Content-Type: application/json' -d '{"Image":"finding","Tty":true,
    "Cmd":["/bin/busybox","echo","hello"],"HostConfig":{"NetworkMode":"none","LogConfig":{"Type":"'$driver'"}}}' >/dev/null
  ask "/containers/$driver/start" -X POST
  ask "/containers/$driver/wait" -X POST >/dev/null
  echo "$driver: $(ask "/containers/$driver/logs?stdout=1&timestamps=1" | tr -d "\r" | sed -E "s/^[0-9-]+T[0-9:.]+/TIME/")"
done
kill "$engine"
wait "$engine" || true
SH
unshare --mount --net --propagation private sh engine.sh >seen
cat seen
cat >expected <<'TEXT'
json-file: TIMEZ hello
local: TIME+05:30 hello
TEXT
diff expected seen
