#!/bin/sh
# Unpacks programs of a later Debian, with the libraries and the loader that they need, into a directory,
# without changing the system: later-debian.sh DIRECTORY SUITE PACKAGE... -- PROGRAM... PROGRAM is the path of
# a file in the packages (usr/bin/crun); DIRECTORY gets an executable with its base name. Needs patchelf.
set -eu
home=$1 suite=$2
shift 2
packages=""
while [ "$1" != -- ]; do packages="$packages $1"; shift; done
shift

# Uses the machine's own package sources, but a separate list of packages, as if nothing were installed.
source=$(apt-get indextargets --format "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] \$(REPO_URI) $suite main" \
  'Created-By: Packages' 'Origin: Debian' 'Codename: bookworm' 'Component: main' | head -n 1)
[ -n "$source" ] || { echo "setup: this is not Debian 12: cannot get$packages of $suite" >&2; exit 1; }
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
# shellcheck disable=SC2086 # a list of words
apt install -y --no-install-recommends --download-only $packages >/dev/null
for package in "$home"/apt/archives/*.deb; do dpkg-deb -x "$package" "$home/root"; done
rm -rf "$home/apt"

# Another C library needs its own loader. Its path is written into the programs, so that they can also
# re-execute themselves, as OCI runtimes do.
libraries="$home/root/usr/lib/x86_64-linux-gnu"
for program in "$@"; do
  copy="$home/$(basename "$program")"
  cp "$home/root/$program" "$copy"
  patchelf --set-interpreter "$libraries/ld-linux-x86-64.so.2" --force-rpath --set-rpath "$libraries" "$copy"
done
