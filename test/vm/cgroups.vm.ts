import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { before, describe, it } from "node:test";
import { promisify } from "node:util";
import { CgroupMountMode } from "../../src/ground/protocol/index.ts";
import { tempDir } from "../../src/testing/temp-dir.ts";
import { execSync, TestPod } from "../support/pod.ts";
import { withBerth } from "../support/with-berth.ts";

const run = promisify(execFile);

/**
 * Writable cgroups of containers on a machine with only cgroup v2, and with nsdelegate, an option that
 * another program removes.
 */
await import("../cgroup-modes.test.ts");

describe("cgroups that containers can write to", () => {
  const host = withBerth();
  let pod: TestPod;
  before(async () => {
    pod = await TestPod.run(host.berth, "delegation");
  });

  const writable = {
    linux: { securityContext: { cgroupMountMode: CgroupMountMode.CGROUP_MOUNT_MODE_READ_WRITE } },
  };
  const start = (name: string) => pod.shell(name, host.image, "exec sleep 1000", writable);

  it("let a container give a part of its memory to a child cgroup, but not raise its own limit", async () => {
    const resources = { memoryLimitInBytes: 64n * 2n ** 20n };
    const id = await pod.shell("divided", host.image, "exec sleep 1000", {
      linux: { ...writable.linux, resources },
    });
    const script = `
    cd /sys/fs/cgroup && mkdir init child && echo 1 > init/cgroup.procs && echo $$ > init/cgroup.procs
    echo +memory > cgroup.subtree_control && echo 16777216 > child/memory.max && cat child/memory.max
    echo max > memory.max || cat memory.max
  `;
    const said = await execSync(host.berth, id, "sh", "-c", `${script} 2>/dev/null`);
    assert.equal(said, `16777216\n${64 * 2 ** 20}\n`);
  });

  const told = async () =>
    (await host.berth.clients.runtime.status({ verbose: false })).features?.cgroupMountMode;

  it("are refused while the host's nsdelegate is missing because another program removed it, as Status reports", async () => {
    await start("before");
    assert.equal(await told(), true);
    {
      await using directory = await tempDir();
      await run("mount", ["-t", "cgroup2", "cgroup2", directory.path]);
      await run("umount", [directory.path]);
    }
    assert.equal(await told(), false);
    await assert.rejects(start("meanwhile"), {
      code: 9,
      details: /linux\.security_context\.cgroup_mount_mode: .*nsdelegate/,
    });
    await run("mount", ["-o", "remount,nsdelegate,memory_recursiveprot", "/sys/fs/cgroup"]);
    assert.equal(await told(), true);
    await start("after");
  });
});
