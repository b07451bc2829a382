import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import type { Device } from "../src/ground/protocol/index.ts";
import { tempDir } from "../src/testing/temp-dir.ts";
import { handlerProgram, testHandler } from "./support/handler.ts";
import { execSync, TestPod } from "./support/pod.ts";
import { withBerth } from "./support/with-berth.ts";

const run = promisify(execFile);
const privileged = { linux: { securityContext: { privileged: true } } };
const denied = { message: /not permitted|ermission denied/ };

/**
 * Numbers of /dev/fuse and /dev/loop-control, which containers get only on request, and which every root user
 * may open.
 */
const [fuse, loop] = [
  ["10", "229"],
  ["10", "237"],
] as const;

describe("a device", () => {
  const host = withBerth({
    config: `
[container]
device_ownership_from_security_context = true
[runtime.handlers.bare]
path = ${JSON.stringify(handlerProgram(testHandler))}
privileged_without_host_devices = true
`,
  });
  let pods = 0;

  async function containerWith(devices: readonly Partial<Device>[], user = {}): Promise<string> {
    const pod = await TestPod.run(host.berth, `devices-${++pods}`);
    return pod.shell("main", host.image, "exec sleep 1000", {
      devices: [...devices],
      linux: { securityContext: user },
    });
  }

  /** A directory with two devices, a link to one, and another file. */
  async function deviceDirectory() {
    const directory = await tempDir();
    const { path } = directory;
    await mkdir(join(path, "below"));
    await run("mknod", ["-m", "600", join(path, "fuse"), "c", ...fuse]);
    await run("mknod", ["-m", "600", join(path, "below", "loop"), "c", ...loop]);
    await symlink("fuse", join(path, "link"));
    return directory;
  }

  it("exists with its numbers and mode, by its own name or through a link, and others do not", async () => {
    await using directory = await deviceDirectory();
    const id = await containerWith([
      { hostPath: join(directory.path, "link"), containerPath: "/dev/mine", permissions: "rwm" },
    ]);
    const script = "stat -c '%a %t %T' /dev/mine && ls /dev";
    const [numbers, ...names] = (await execSync(host.berth, id, "sh", "-c", script)).split("\n");
    assert.equal(numbers, "600 a e5");
    assert.ok(names.includes("mine") && !names.includes("fuse"));
    await execSync(host.berth, id, "sh", "-c", "exec 3<>/dev/mine");
  });

  it("can be used as its permissions say, unlike one that was created in the container", async () => {
    await using directory = await deviceDirectory();
    const hostPath = join(directory.path, "fuse");
    const id = await containerWith([{ hostPath, containerPath: "/dev/read", permissions: "r" }]);
    const shell = (script: string) => execSync(host.berth, id, "sh", "-c", script);
    await shell("exec 3</dev/read");
    await assert.rejects(shell("exec 3>/dev/read"), denied);
    await assert.rejects(shell(`mknod /tmp/loop c ${loop.join(" ")} && exec 3</tmp/loop`), denied);
  });

  it("that is a directory includes all devices in it", async () => {
    await using directory = await deviceDirectory();
    const id = await containerWith([
      { hostPath: directory.path, containerPath: "/dev/all", permissions: "r" },
    ]);
    const found = await execSync(host.berth, id, "find", "/dev/all", "-type", "c");
    assert.deepEqual(found.trim().split("\n").sort(), ["/dev/all/below/loop", "/dev/all/fuse"]);
  });

  it("belongs to the container's user if the configuration says so", async () => {
    await using directory = await deviceDirectory();
    const hostPath = join(directory.path, "fuse");
    const devices = [{ hostPath, containerPath: "/dev/mine", permissions: "rw" }];
    const id = await containerWith(devices, { runAsUser: { value: 1000n }, runAsGroup: { value: 1001n } });
    assert.equal(await execSync(host.berth, id, "stat", "-c", "%u %g", "/dev/mine"), "1000 1001\n");
  });

  it("that is not a device is rejected by name", async () => {
    const missing = { hostPath: "/dev/no-such-device", containerPath: "", permissions: "rw" };
    await assert.rejects(containerWith([missing]), { message: /\/dev\/no-such-device/ });
    await assert.rejects(containerWith([{ ...missing, hostPath: "/etc/passwd" }]), {
      message: /is not a device/,
    });
  });

  it("of the host is in every privileged container, unless the handler says otherwise", async () => {
    const inPod = async (runtimeHandler = ""): Promise<string> => {
      const pod = await TestPod.run(host.berth, `devices-${++pods}`, privileged, runtimeHandler);
      return pod.shell("main", host.image, "exec sleep 1000", privileged);
    };
    const all = await inPod();
    await execSync(host.berth, all, "sh", "-c", "exec 3</dev/fuse");
    const bare = await inPod("bare");
    await assert.rejects(execSync(host.berth, bare, "ls", "/dev/fuse"), { message: /No such file/ });
    const script = `mknod /dev/fuse c ${fuse.join(" ")} && exec 3</dev/fuse`;
    await assert.rejects(execSync(host.berth, bare, "sh", "-c", script), denied);
  });
});

describe("a device at the path of a file of the image", () => {
  const host = withBerth({ engine: "native" });

  it("is rejected, but created if nothing exists there, or on a mount", async () => {
    const pod = await TestPod.run(host.berth, "taken");
    const at = (name: string, containerPath: string) =>
      pod.shell(name, host.image, "exec sleep 1000", {
        devices: [{ hostPath: "/dev/fuse", containerPath, permissions: "rw" }],
      });
    for (const taken of ["/bin/busybox", "/bin/../bin/busybox", "/bin"])
      await assert.rejects(at("taken", taken), /FAILED_PRECONDITION.*device \/bin.*the image has something/);
    for (const [name, free] of [
      ["nothing", "/opt/fuse"],
      ["mounted", "/dev/fuse"],
    ] as const) {
      const id = await at(name, free);
      assert.equal(await execSync(host.berth, id, "stat", "-c", "%t %T", free), "a e5\n");
    }
  });
});
