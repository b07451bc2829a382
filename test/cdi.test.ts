import assert from "node:assert/strict";
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { tempDir } from "../src/testing/temp-dir.ts";
import { eventually } from "./support/condition.ts";
import { execSync, TestPod } from "./support/pod.ts";
import { shellConfig } from "./support/requests.ts";
import { withBerth } from "./support/with-berth.ts";

const specs = await tempDir();
const [first, second] = [join(specs.path, "etc"), join(specs.path, "run")];
after(() => specs[Symbol.asyncDispose]());

/** A vendor's file with all kinds of edits, and a hook that records its arguments. */
function vendorSpec(color: string): object {
  const hook = join(specs.path, "hook");
  return {
    cdiVersion: "0.7.0",
    kind: "berth.test/thing",
    containerEdits: {
      env: ["THING=all", `COLOR=${color}`],
      mounts: [
        { hostPath: specs.path, containerPath: "/opt/thing", options: ["ro", "nosuid", "nodev", "bind"] },
        { hostPath: "tmpfs", containerPath: "/opt/thing-scratch", type: "tmpfs", options: ["size=64k"] },
      ],
      hooks: [
        { hookName: "createRuntime", path: hook, args: ["hook", "made"], env: ["WHERE=host"], timeout: 20 },
        { hookName: "poststop", path: hook, args: ["hook", "gone"], env: ["WHERE=host"] },
      ],
      additionalGids: [4242],
    },
    devices: [
      {
        name: "fuse",
        containerEdits: {
          env: ["THING=fuse"],
          deviceNodes: [
            { path: "/dev/thing", hostPath: "/dev/fuse", fileMode: 0o640, permissions: "r" },
            { path: "/dev/loops", type: "c", major: 10, minor: 237, uid: 7, gid: 8 },
          ],
        },
      },
      { name: "lost", containerEdits: { deviceNodes: [{ path: "/dev/no-such-device" }] } },
      {
        name: "network",
        containerEdits: { mounts: [{ hostPath: "/no/such/file", containerPath: "/x", options: ["bind"] }] },
      },
    ],
  };
}

describe("a CDI device", () => {
  const host = withBerth({ config: `[container]\ncdi_spec_dirs = ${JSON.stringify([first, second])}` });
  const called = join(specs.path, "called");
  let pods = 0;

  before(async () => {
    await mkdir(first, { recursive: true });
    await writeFile(join(first, "vendor.json"), JSON.stringify(vendorSpec("red")));
    const script = `#!/bin/sh\ncat > /dev/null\necho "$0 $1 $WHERE" >> ${called}\n`;
    await writeFile(join(specs.path, "hook"), script);
    await chmod(join(specs.path, "hook"), 0o755);
  });
  after(() => rm(second, { recursive: true, force: true }));

  async function podWith(overrides: Parameters<typeof shellConfig>[3]): Promise<string> {
    const pod = await TestPod.run(host.berth, `cdi-${++pods}`);
    return pod.shell("main", host.image, "exec sleep 1000", overrides);
  }

  const devices = { CDIDevices: [{ name: "berth.test/thing=fuse" }] };

  it("adds its variables, groups, mounts and device nodes", async () => {
    const id = await podWith({ ...devices, envs: [{ key: "COLOR", value: Buffer.from("blue") }] });
    const shell = (script: string) => execSync(host.berth, id, "sh", "-c", script);
    assert.equal(await shell("echo $THING $COLOR"), "fuse red\n");
    assert.match(await shell("id -G"), /\b4242\b/);
    await shell("test -x /opt/thing/hook && touch /opt/thing-scratch/file");
    await assert.rejects(shell("touch /opt/thing/new"), { message: /Read-only/ });
    const format = "%a %u %g %t %T";
    assert.equal(await shell(`stat -c '${format}' /dev/thing /dev/loops`), "640 0 0 a e5\n666 7 8 a ed\n");
    await shell("exec 3</dev/thing 4<>/dev/loops");
    await assert.rejects(shell("exec 3>/dev/thing"), { message: /not permitted/ });
  });

  it("runs its hooks on the host when the container is created and removed", async () => {
    await rm(called, { force: true });
    const id = await podWith(devices);
    assert.equal(
      await readFile(called, "utf8"),
      "hook made host\n".replace("hook", join(specs.path, "hook")),
    );
    await host.berth.clients.runtime.removeContainer({ containerId: id });
    await eventually("the hook was called", async () => /gone host/.test(await readFile(called, "utf8")));
  });

  it("can be requested by annotation, as its file now defines it, with later directories first", async () => {
    const annotations = { "cdi.k8s.io/test_thing": "berth.test/thing=fuse" };
    const colorOf = async () =>
      execSync(host.berth, await podWith({ annotations }), "sh", "-c", "echo $COLOR");
    assert.equal(await colorOf(), "red\n");
    await mkdir(second, { recursive: true });
    await writeFile(join(second, "vendor.json"), JSON.stringify(vendorSpec("green")));
    assert.equal(await colorOf(), "green\n");
    await rm(second, { recursive: true });
    assert.equal(await colorOf(), "red\n");
  });

  it("stays as it was at the container's creation, also for the next daemon, and is shown", async () => {
    const pod = await TestPod.run(host.berth, "cdi-kept");
    const kept = await pod.create(shellConfig("kept", host.image, "exec sleep 1000", devices));
    await rm(join(first, "vendor.json"));
    await host.berth.restartDaemon();
    const { runtime } = host.berth.clients;
    await runtime.startContainer({ containerId: kept });
    assert.equal(await execSync(host.berth, kept, "sh", "-c", "echo $COLOR $THING"), "red fuse\n");
    const { info } = await runtime.containerStatus({ containerId: kept, verbose: true });
    const { adjustments } = JSON.parse(info.info ?? "{}");
    assert.deepEqual(
      adjustments.map((each: { extension: string; edits: readonly { env: readonly string[] }[] }) => [
        each.extension,
        each.edits.map(({ env }) => env),
      ]),
      [["cdi", [["THING=all", "COLOR=red"], ["THING=fuse"]]]],
    );
    const { info: status } = await runtime.status({ verbose: true });
    assert.deepEqual(JSON.parse(status.extensions ?? "[]"), [
      { name: "cdi", order: 0, points: ["createContainer"] },
    ]);
    const late = pod.create(shellConfig("late", host.image, "exit 0", devices));
    await assert.rejects(late, {
      details: /extension cdi failed at createContainer: CDI device berth\.test\/thing=fuse is not defined/,
    });
    await writeFile(join(first, "vendor.json"), JSON.stringify(vendorSpec("red")));
    const { containers } = await runtime.listContainers({ filter: undefined });
    assert.deepEqual(
      containers.filter(({ podSandboxId }) => podSandboxId === pod.id).map(({ id }) => id),
      [kept],
    );
  });

  it("that is not defined, or does not exist, is an error with its name", async () => {
    const pod = await TestPod.run(host.berth, "cdi-missing");
    const create = (name: string) =>
      pod.create(shellConfig("main", host.image, "exit 0", { CDIDevices: [{ name }] }));
    await assert.rejects(create("berth.test/thing=none"), {
      details: /CDI device berth\.test\/thing=none is not defined/,
    });
    await assert.rejects(create("thing"), { details: /"thing" is not the name of a CDI device/ });
    await assert.rejects(create("berth.test/thing=lost"), { details: /\/dev\/no-such-device/ });
    await assert.rejects(create("berth.test/thing=network"), {
      details: /\/no\/such\/file does not exist/,
    });
  });
});
