#!/bin/sh
# Debian 12's criu (3.17) refuses to work on kernels since 6.13, and its crun is built without criu. Where the installed
# criu fails its own check, this puts criu, and a crun that uses it, of a later Debian with the libraries that they need into
# node_modules/.cache/criu, for the tests alone: nothing of the system is changed. Kernels since 6.16 need criu 4.2 for
# containers that have sockets, which Debian has from its version 14 on.
set -eu
cd "$(dirname "$0")/.."

home="$PWD/node_modules/.cache/criu"
works() { "$1" check >/dev/null 2>&1; }
if works criu || { [ -x "$home/crun" ] && works "$home/criu"; }; then exit 0; fi
printf 'setup: %s\n' "the installed criu does not work on this kernel; putting Debian 14's into $home"

# From wherever this machine has its packages, with a list of packages of its own, and as if nothing were installed.
source=$(apt-get indextargets --format 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(REPO_URI) forky main' \
  'Created-By: Packages' 'Origin: Debian' 'Codename: bookworm' 'Component: main' | head -n 1)
[ -n "$source" ] || { echo "setup: this is not Debian 12; install a criu that passes \`criu check\`" >&2; exit 1; }
rm -rf "$home"
mkdir -p "$home/apt/lists/partial" "$home/apt/archives/partial" "$home/root"
printf '%s\n' "$source" >"$home/apt/sources.list"
: >"$home/apt/status"
apt() {
  apt-get -q -q -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=3 \
    -o "Dir::Etc::sourcelist=$home/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o "Dir::State::lists=$home/apt/lists" -o "Dir::State::status=$home/apt/status" -o "Dir::Cache=$home/apt" "$@"
}
apt update
apt install -y --no-install-recommends --download-only criu crun libcriu2 >/dev/null
for package in "$home"/apt/archives/*.deb; do dpkg-deb -x "$package" "$home/root"; done
rm -rf "$home/apt"

# OCI runtimes run criu by its name. Another C library needs its own loader.
libraries="$home/root/usr/lib/x86_64-linux-gnu"
for program in sbin/criu bin/crun; do
  wrapper="$home/$(basename "$program")"
  printf '#!/bin/sh\nexec "%s" --library-path "%s" "%s" "$@"\n' \
    "$libraries/ld-linux-x86-64.so.2" "$libraries" "$home/root/usr/$program" >"$wrapper"
  chmod 755 "$wrapper"
done
works "$home/criu" || { "$home/criu" check; exit 1; }
