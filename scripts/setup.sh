#!/bin/sh
# Installs what this command needs and is missing, and says what: npm packages (Node 26 among them) and, unless the
# first argument is "npm-only", Debian packages. Needs the Node of .nvmrc or a newer one with npm, and root for the Debian
# packages.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }

# Only npm uses the machine's own Node.
require_node() {
  oldest=$(cat .nvmrc)
  found=$(node --version 2>/dev/null) || found="none"
  major=${found#v}
  major=${major%%.*}
  if [ "$found" = none ] || [ "$major" -lt "$oldest" ]; then
    say "Node $oldest or newer is needed with its npm, to install the npm packages; found: $found. Install it from https://nodejs.org or with your package manager" >&2
    exit 1
  fi
}

npm_packages() {
  # Installed packages are recognized by content, since the times of files in a checkout mean nothing.
  installed=node_modules/.installed-package-lock.json
  if [ -x node_modules/.bin/node ] && cmp -s package-lock.json "$installed"; then return; fi
  require_node
  say "installing the npm packages of package-lock.json (Node 26 among them) into node_modules"
  # Not `npm ci`: that one refuses a registry that lacks a binary for some other platform.
  npm install --no-save --no-audit --no-fund --loglevel=error
  cp package-lock.json "$installed"
}

# package:file that shows that it is installed
debian_parts="
conmon:/usr/bin/conmon
crun:/usr/bin/crun
runc:/usr/sbin/runc
catatonit:/usr/bin/catatonit
containernetworking-plugins:/usr/lib/cni/bridge
iptables:/usr/sbin/iptables
nftables:/usr/sbin/nft
iproute2:/usr/sbin/ip
util-linux:/usr/bin/unshare
libatomic1:/usr/share/doc/libatomic1/copyright
docker-registry:/usr/bin/docker-registry
busybox-static:/usr/share/doc/busybox-static/copyright
skopeo:/usr/bin/skopeo
docker.io:/usr/sbin/dockerd
umoci:/usr/bin/umoci
buildah:/usr/bin/buildah
zstd:/usr/bin/zstd
apparmor:/usr/sbin/apparmor_parser
strace:/usr/bin/strace
socat:/usr/bin/socat
openssl:/usr/bin/openssl
gnupg:/usr/bin/gpg
gpgv:/usr/bin/gpgv
criu:/usr/sbin/criu
patchelf:/usr/bin/patchelf
erofs-utils:/usr/bin/mkfs.erofs
libisal2:/usr/share/doc/libisal2/copyright
"

debian_packages() {
  missing=""
  for part in $debian_parts; do
    [ -e "${part#*:}" ] || missing="$missing ${part%%:*}"
  done
  [ -n "$missing" ] || return 0
  if ! command -v apt-get >/dev/null; then
    say "these parts are missing and this is not Debian; install them with your package manager:$missing" >&2
    exit 1
  fi
  if [ "$(id -u)" != 0 ]; then
    say "these Debian packages are missing; run as root, or install them:$missing" >&2
    exit 1
  fi
  say "installing the Debian packages:$missing"
  # A policy that denies it prevents the start of the packages' own services (a registry on port 5000).
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
  fi
  apt-get -q -q update
  DEBIAN_FRONTEND=noninteractive apt-get -q -q install -y --no-install-recommends $missing >/dev/null
}

npm_packages
[ "${1:-}" = npm-only ] || debian_packages
