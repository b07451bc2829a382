import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type LinuxContainerSecurityContext,
  SupplementalGroupsPolicy,
} from "../src/ground/protocol/index.ts";
import { pushImage } from "../src/testing/registry.ts";
import { busyboxImage } from "./support/busybox.ts";
import { containerStatus, execSync, TestPod } from "./support/pod.ts";
import { shellConfig } from "./support/requests.ts";
import { withBerth } from "./support/with-berth.ts";

/**
 * A security context, and the identity of a container with it: `uid:gid:groups`, including the primary group.
 */
type SecurityContext = Parameters<typeof LinuxContainerSecurityContext.fromPartial>[0];
type Case = readonly [security: SecurityContext, who: string];
const sleep = "exec sleep 1000";

describe("who a container runs as", () => {
  const host = withBerth();
  let images = 0;

  /**
   * An image of busybox with a `USER`; its passwd has app (1000:1001), which is also a member of extra
   * (2000).
   */
  async function imageOf(user: string): Promise<string> {
    const name = `user-${++images}`;
    await pushImage(host.registry, name, "latest", await busyboxImage({ config: { User: user } }));
    const reference = `${host.registry.host}/${name}:latest`;
    await host.berth.pull(reference);
    return reference;
  }

  /**
   * The identity from the kernel, for the container and its commands, and from the status: they must agree.
   */
  async function whoIs(
    pod: TestPod,
    name: string,
    image: string,
    security: SecurityContext,
  ): Promise<string> {
    const id = await pod.shell(name, image, sleep, { linux: { securityContext: security } });
    const status = await execSync(host.berth, id, "cat", "/proc/1/status");
    const ids = (field: string) =>
      new RegExp(`^${field}:\t(.*?)\\s*$`, "m").exec(status)?.[1]?.split(/\s+/) ?? [];
    const inKernel = [...new Set(ids("Groups").map(Number))].sort((a, b) => a - b);
    const who = `${ids("Uid")[0]}:${ids("Gid")[0]}:${inKernel}`;
    const own = await execSync(host.berth, id, "sh", "-c", "echo $(id -u):$(id -g):$(id -G)");
    const groups = own.trim().split(":")[2]?.split(" ").map(Number) ?? [];
    assert.deepEqual([...new Set(groups)].sort((a, b) => a - b).join(), who.split(":")[2]);
    const { user } = await containerStatus(host.berth, id);
    const told = user?.linux?.supplementalGroups.map(Number).sort((a, b) => a - b);
    assert.equal(`${user?.linux?.uid}:${user?.linux?.gid}:${told}`, who);
    return who;
  }

  it("is what the image says, by names and numbers", async () => {
    const pod = await TestPod.run(host.berth, "image-users");
    for (const [user, who] of [
      ["", "0:0:0"],
      ["app", "1000:1001:1001,2000"],
      ["1000", "1000:1001:1001,2000"],
      ["4321", "4321:0:0"],
      ["app:extra", "1000:2000:2000"],
      ["1000:0", "1000:0:0,2000"],
      ["4321:4322", "4321:4322:4322"],
      [":extra", "0:2000:2000"],
    ] as const) {
      assert.equal(await whoIs(pod, `user-${images}`, await imageOf(user), {}), who, user);
    }
  });

  it("is rejected if the image's user does not exist, or is a number that overflows", async () => {
    const pod = await TestPod.run(host.berth, "no-users");
    for (const [user, message] of [
      ["nobody-here", /FAILED_PRECONDITION.*user "nobody-here" not found/],
      ["app:nogroup", /FAILED_PRECONDITION.*group "nogroup" not found/],
      ["a:b:c", /FAILED_PRECONDITION.*"a:b:c" is not USER/],
      ["-1", /INVALID_ARGUMENT.*user -1: out of range/],
      ["2147483648", /INVALID_ARGUMENT.*out of range/],
      ["4294967296", /INVALID_ARGUMENT.*out of range/],
      ["18446744073709551616", /INVALID_ARGUMENT.*out of range/],
      ["0:4294967296", /INVALID_ARGUMENT.*group 4294967296: out of range/],
      ["0x0", /FAILED_PRECONDITION.*user "0x0" not found/],
    ] as const) {
      const config = shellConfig(`user-${images}`, await imageOf(user), sleep);
      await assert.rejects(pod.create(config), message, user);
    }
  });

  it("is what the pod says, whatever the image says", async () => {
    const pod = await TestPod.run(host.berth, "pod-users");
    const image = await imageOf("app:extra");
    const [user, group] = [
      (value: bigint) => ({ runAsUser: { value } }),
      (value: bigint) => ({ runAsGroup: { value } }),
    ];
    const cases: readonly Case[] = [
      [user(0n), "0:0:0"],
      [user(1000n), "1000:1001:1001,2000"],
      [{ ...user(1000n), ...group(7n) }, "1000:7:7,2000"],
      [user(4321n), "4321:0:0"],
      [{ runAsUsername: "app" }, "1000:1001:1001,2000"],
      [{ runAsUsername: "1000" }, "1000:1001:1001,2000"],
      [{ runAsUsername: "root", ...group(3n) }, "0:3:3"],
    ];
    for (const [index, [security, who]] of cases.entries()) {
      assert.equal(await whoIs(pod, `case-${index}`, image, security), who);
    }
  });

  it("has the groups of the image's /etc/group with the policy Merge, and only the requested ones with Strict", async () => {
    const pod = await TestPod.run(host.berth, "groups");
    const asked = { runAsUser: { value: 1000n }, supplementalGroups: [7n, 2000n, 8n] };
    const { Merge, Strict } = SupplementalGroupsPolicy;
    const cases: readonly Case[] = [
      [{ ...asked, supplementalGroupsPolicy: Merge }, "1000:1001:7,8,1001,2000"],
      [{ ...asked, supplementalGroups: [7n], supplementalGroupsPolicy: Strict }, "1000:1001:7,1001"],
      [{ runAsUser: { value: 1000n }, supplementalGroupsPolicy: Strict }, "1000:1001:1001"],
    ];
    for (const [index, [security, who]] of cases.entries()) {
      assert.equal(await whoIs(pod, `case-${index}`, host.image, security), who);
    }
  });

  it("is rejected if there is no such user, or no such number", async () => {
    const pod = await TestPod.run(host.berth, "refused-users");
    for (const [security, message] of [
      [{ runAsUser: { value: -1n } }, /INVALID_ARGUMENT.*run_as_user\.value/],
      [{ runAsUser: { value: 1n << 32n } }, /INVALID_ARGUMENT.*run_as_user\.value/],
      [{ runAsUser: { value: (1n << 32n) - 2n } }, /INVALID_ARGUMENT.*out of range/],
      [{ runAsGroup: { value: 5n } }, /INVALID_ARGUMENT.*run_as_group: needs run_as_user/],
      [{ runAsUsername: "stranger" }, /FAILED_PRECONDITION.*user "stranger" not found/],
      [{ runAsUsername: "app\n" }, /INVALID_ARGUMENT.*run_as_username/],
      [{ runAsUsername: "99999999999" }, /INVALID_ARGUMENT.*out of range/],
      [{ supplementalGroups: [-5n] }, /INVALID_ARGUMENT.*supplemental_groups\[0\]/],
    ] satisfies readonly (readonly [SecurityContext, RegExp])[]) {
      const config = shellConfig("refused", host.image, sleep, { linux: { securityContext: security } });
      await assert.rejects(pod.create(config), message);
    }
  });
});
