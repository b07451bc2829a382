#!/bin/sh
# Inside the virtual machine: runs the test files that scripts/test-vm.sh has listed, says how they ended, and switches off.
uname -sr
ip link set lo up
# Node strips types by WebAssembly, and V8 dies under the emulation now and then when it compiles that anew meanwhile.
node="node_modules/.bin/node --no-wasm-dynamic-tiering"
$node --test --test-force-exit --test-concurrency=1 --test-reporter=spec $(cat test-files)
code=$?
journalctl --no-pager --output=cat --unit=berthd >/dev/ttyS0
echo "test-vm: exit code $code"
sync
systemctl poweroff --force --force
