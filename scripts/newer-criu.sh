#!/bin/sh
# Debian 12's criu (3.17) refuses to work on kernels since 6.13, whose vDSO has areas that it does not know. Where the
# installed one fails its own check, this puts that of Debian's next release, with the libraries that it needs, into
# node_modules/.cache/criu, for the tests alone: nothing of the system is changed.
set -eu
cd "$(dirname "$0")/.."

home="$PWD/node_modules/.cache/criu"
if criu check >/dev/null 2>&1 || "$home/criu" check >/dev/null 2>&1; then exit 0; fi
printf 'setup: %s\n' "the installed criu does not work on this kernel; putting Debian 13's into $home"

# From wherever this machine has its packages, with a list of packages of its own, and as if nothing were installed.
source=$(apt-get indextargets --format 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(REPO_URI) trixie main' \
  'Created-By: Packages' 'Origin: Debian' 'Codename: bookworm' 'Component: main' | head -n 1)
[ -n "$source" ] || { echo "setup: this is not Debian 12; install a criu that passes \`criu check\`" >&2; exit 1; }
rm -rf "$home"
mkdir -p "$home/apt/lists/partial" "$home/apt/archives/partial" "$home/root"
printf '%s\n' "$source" >"$home/apt/sources.list"
: >"$home/apt/status"
apt() {
  apt-get -q -q -o APT::Sandbox::User=root -o "Dir::Etc::sourcelist=$home/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o "Dir::State::lists=$home/apt/lists" -o "Dir::State::status=$home/apt/status" -o "Dir::Cache=$home/apt" "$@"
}
apt update
apt install -y --no-install-recommends --download-only criu >/dev/null
for package in "$home"/apt/archives/*.deb; do dpkg-deb -x "$package" "$home/root"; done
rm -rf "$home/apt"

# OCI runtimes run it by its name; its own C library needs its own loader.
cat >"$home/criu" <<END
#!/bin/sh
exec "$home/root/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" \\
  --library-path "$home/root/usr/lib/x86_64-linux-gnu" "$home/root/usr/sbin/criu" "\$@"
END
chmod 755 "$home/criu"
"$home/criu" check >/dev/null 2>&1 || { "$home/criu" check; exit 1; }
