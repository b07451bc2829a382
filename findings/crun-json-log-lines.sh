#!/bin/sh
# crun 1.28 of Debian 14 writes each entry of its log (--log-format=json) over several lines. crun 1.8.1 and runc write
# one line each, so a program that parses lines, or only the last line, gets "}" instead of an error.
# Seen: one line of crun 1.8.1, five of crun 1.28, as below.
# Needs Debian 12 (whose package lists say where Debian 14's are), patchelf and root, as scripts/later-debian.sh does.
set -eu
directory=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sh "$directory/../scripts/later-debian.sh" "$work/later" forky crun -- usr/bin/crun >&2
mkdir "$work/debian"
(cd "$work/debian" && apt-get download crun=1.8.1-1+deb12u1 >/dev/null 2>&1 && dpkg-deb -x ./*.deb .)
cd "$work"
for program in debian/usr/bin/crun later/crun; do
  "$program" --version | head -n 1
  "$program" --root "$work/state" --log "$work/log" --log-format json start missing >/dev/null 2>&1 || true
  sed 's/"msg" *: *"[^"]*"/"msg": MESSAGE/; s/"time" *: *"[^"]*"/"time": TIME/' log
  rm log
done >seen
cat seen
cat >expected <<'TEXT'
crun version 1.8.1
{"msg": MESSAGE,"level":"error","time": TIME}
crun version 1.28
{
  "msg": MESSAGE,
  "level": "error",
  "time": TIME
}
TEXT
diff expected seen
