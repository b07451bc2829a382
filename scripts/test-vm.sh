#!/bin/sh
# Runs tests in a virtual machine that has what this host may lack: systemd as init, only cgroup v2, AppArmor,
# and Debian's own kernel, with qemu's software emulation: test-vm.sh [FILE...], by default those of test/vm.
# BERTH_VM_SUITE names another Debian than this one, such as trixie, which test/vm/debian13 needs. All files
# are in .vm/, and can be deleted: base-*.tar is the system without berth, console.log the console output of
# the last machine. Needs root, to set the owners of the system's files.
set -eu
cd "$(dirname "$0")/.."
say() { printf 'test-vm: %s\n' "$*"; }

packages=systemd,systemd-sysv,dbus,udev,kmod,linux-image-cloud-amd64,initramfs-tools,apparmor,ca-certificates
packages=$packages,crun,runc,criu,conmon,catatonit,containernetworking-plugins,iptables,iproute2,procps,util-linux
packages=$packages,busybox-static,docker-registry,skopeo,umoci,socat,openssl,gnupg,gpgv,zstd,strace,sudo,python3-minimal,libatomic1

missing=""
for part in mmdebstrap:mmdebstrap qemu-system-x86:qemu-system-x86_64 e2fsprogs:mke2fs; do
  command -v "${part#*:}" >/dev/null || missing="$missing ${part%%:*}"
done
if [ -n "$missing" ]; then
  say "installing the Debian packages:$missing"
  apt-get -q -q update
  DEBIAN_FRONTEND=noninteractive apt-get -q -q install -y --no-install-recommends $missing >/dev/null
fi
sh scripts/setup.sh npm-only
npm run -s build
[ $# -gt 0 ] || set -- test/vm/*.vm.ts
case "$*" in *critest*) sh scripts/conformance-programs.sh ;; esac

mkdir -p .vm
host=$(. /etc/os-release && echo "$VERSION_CODENAME")
suite=${BERTH_VM_SUITE:-$host}
sources=/etc/apt/sources.list
[ -s "$sources" ] || sources=/etc/apt/sources.list.d/debian.sources
if [ "$suite" != "$host" ]; then
  # From this machine's own package sources.
  sources=.vm/$suite.list
  apt-get indextargets --format "deb \$(REPO_URI) $suite main" \
    'Created-By: Packages' 'Origin: Debian' "Codename: $host" 'Component: main' | head -n 1 >"$sources"
fi
base=.vm/base-$(printf '%s' "$suite $packages" | sha256sum | cut -c 1-12).tar
if [ ! -e "$base" ]; then
  say "making a $suite system from its packages (some minutes, once)"
  mmdebstrap --quiet --format=tar --variant=minbase --include="$packages" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    "$suite" "$base.new" "$sources"
  mv "$base.new" "$base"
fi

say "putting berth into it"
root=$(mktemp -d)
trap 'rm -rf "$root" .vm/root.img' EXIT
tar -C "$root" -xf "$base"
mkdir -p "$root/opt/berth"
tar -c --exclude=node_modules/.cache --exclude=node_modules/@biomejs --exclude='node_modules/@typescript*' --exclude='node_modules/@bufbuild/buf*' \
  --exclude=node_modules/knip --exclude='node_modules/@oxc*' \
  bin dist node_modules package.json packaging proto scripts src test $(ls -d .conformance 2>/dev/null) | tar -C "$root/opt/berth" -x
echo berth-test >"$root/etc/hostname"
printf '127.0.0.1 localhost berth-test\n::1 localhost\n' >"$root/etc/hosts"
ln -s /opt/berth/bin/berth /opt/berth/bin/berthd "$root/usr/local/bin/"
cp packaging/berthd.service "$root/etc/systemd/system/"
cp test/vm/berth-test.service "$root/etc/systemd/system/"
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -s ../berth-test.service "$root/etc/systemd/system/multi-user.target.wants/"
printf '%s\n' "$@" >"$root/opt/berth/test-files"
kernel=$(ls "$root"/boot/vmlinuz-*)
initrd=$(ls "$root"/boot/initrd.img-*)
cp "$kernel" .vm/vmlinuz && cp "$initrd" .vm/initrd
rm -f .vm/root.img
truncate -s 6G .vm/root.img
mke2fs -q -t ext4 -d "$root" .vm/root.img

say "starting it: $*"
# The tests' own output uses the second serial line, without the kernel's and systemd's.
timeout 7200 qemu-system-x86_64 -machine q35 -accel tcg,thread=multi -cpu Nehalem -smp 2 -m 3072 \
  -display none -no-reboot -nic none -serial file:.vm/console.log -serial stdio -monitor none \
  -kernel .vm/vmlinuz -initrd .vm/initrd \
  -append "root=/dev/vda rw console=ttyS0 panic=-1 psi=1 apparmor=1 security=apparmor systemd.unified_cgroup_hierarchy=1" \
  -drive file=.vm/root.img,if=virtio,format=raw,cache=unsafe </dev/null | tee .vm/output.log
result=$(tr -d '\r' <.vm/output.log | sed -n 's/^test-vm: exit code //p' | tail -n 1)
[ -n "$result" ] || { say "the machine ended without a result; see .vm/console.log" >&2; exit 1; }
exit "$result"
