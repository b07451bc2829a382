import assert from "node:assert/strict";
import { readlink } from "node:fs/promises";
import { describe, it } from "node:test";
import { cgroupLayout, mountInfo } from "../src/ground/linux/index.ts";
import { CgroupMountMode, NamespaceMode } from "../src/ground/protocol/index.ts";
import { execSync, TestPod } from "./support/pod.ts";
import { shellConfig } from "./support/requests.ts";
import { withBerth } from "./support/with-berth.ts";

const { CGROUP_MOUNT_MODE_READ_ONLY: readOnly, CGROUP_MOUNT_MODE_READ_WRITE: readWrite } = CgroupMountMode;
const { CONTAINER, NODE } = NamespaceMode;

/** Every mode is supported only with cgroup v2 alone, mounted with nsdelegate. */
const layout = await cgroupLayout();
const delegates = layout?.kind === "v2" && (await isDelegated());

async function isDelegated(): Promise<boolean> {
  const mounts = await mountInfo({ type: "cgroup2" });
  return mounts.some(({ superOptions }) => superOptions.includes("nsdelegate"));
}

const asking = (securityContext: object) => ({ linux: { securityContext } });
const inMode = (mode: NamespaceMode, more: object = {}) =>
  asking({ namespaceOptions: { pid: CONTAINER, cgroupnsOptions: { mode } }, ...more });

/** Creates and removes a cgroup, and prints the result of writing to its own memory limit, if it has one. */
const tryToWrite = `
  cd /sys/fs/cgroup/pids 2>/dev/null || cd /sys/fs/cgroup
  mkdir made 2>/dev/null && rmdir made && echo made || echo not made
  [ -e memory.max ] && (echo max > memory.max) 2>/dev/null && echo raised || echo kept
`;

describe("the cgroups of a container", () => {
  const host = withBerth();

  for (const privileged of [false, true]) {
    const who = privileged ? "privileged" : "unprivileged";
    it(`are in its own namespace, or in the node's, as requested: ${who}`, async () => {
      const pod = await TestPod.run(host.berth, `namespace-${who}`, asking({ privileged }));
      const ofNode = await readlink("/proc/self/ns/cgroup");
      for (const mode of [CONTAINER, NODE]) {
        const id = await pod.shell(
          `mode-${mode}`,
          host.image,
          "exec sleep 1000",
          inMode(mode, { privileged }),
        );
        const own = (await execSync(host.berth, id, "readlink", "/proc/1/ns/cgroup")).trim();
        assert.equal(own === ofNode, mode === NODE);
        const path = (await execSync(host.berth, id, "cat", "/proc/1/cgroup")).trim().split("\n");
        const atRoot = path.every((line) => line.endsWith(":/"));
        // With systemd, crun's own processes may be in a cgroup below the container's.
        assert.equal(
          atRoot || path.every((line) => line.endsWith(":/container")),
          mode === CONTAINER,
          String(path),
        );
      }
      if (delegates) assert.ok(await isDelegated(), "a container's mount took nsdelegate from the host's");
    });
  }

  it("are read-only if requested", async () => {
    const pod = await TestPod.run(host.berth, "read-only");
    const id = await pod.shell("main", host.image, "exec sleep 1000", asking({ cgroupMountMode: readOnly }));
    assert.match(await execSync(host.berth, id, "sh", "-c", tryToWrite), /^not made\nkept$/m);
  });

  it("are writable if the kernel protects its limits, otherwise the container cannot be created", async () => {
    const pod = await TestPod.run(host.berth, "read-write");
    const asked = asking({ cgroupMountMode: readWrite });
    if (!delegates) {
      await assert.rejects(pod.create(shellConfig("main", host.image, "exec sleep 1000", asked)), {
        code: 9,
        details: /linux\.security_context\.cgroup_mount_mode: .*nsdelegate/,
      });
      return;
    }
    const id = await pod.shell("main", host.image, "exec sleep 1000", asked);
    assert.match(await execSync(host.berth, id, "sh", "-c", tryToWrite), /^made\nkept$/m);
  });

  it("support the modes that Status lists", async () => {
    const { features, runtimeHandlers } = await host.berth.clients.runtime.status({ verbose: false });
    assert.equal(features?.cgroupMountMode, delegates);
    assert.ok(runtimeHandlers.length > 0);
    assert.ok(runtimeHandlers.every((handler) => handler.features?.cgroupNamespaces));
  });
});
