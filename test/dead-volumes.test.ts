import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { type DeadFileSystem, deadFileSystem } from "../src/testing/dead-file-system.ts";
import { eventually } from "./support/condition.ts";
import { execSync, TestPod } from "./support/pod.ts";
import { podConfig, shellConfig } from "./support/requests.ts";
import { withBerth } from "./support/with-berth.ts";

const pods = 20;

describe("a volume whose file system hangs", () => {
  const host = withBerth();
  let dead: DeadFileSystem;

  beforeEach(async () => {
    const path = join(host.berth.directory, "dead");
    await mkdir(path, { recursive: true });
    dead = await deadFileSystem(path);
  });
  afterEach(() => dead[Symbol.asyncDispose]());

  /**
   * Several containers, in as many pods, with four mounts of it each; and their results, which are not
   * awaited.
   */
  async function victims(round: string) {
    const come = async () => (await host.berth.daemonLog()).match(/"step":"container-volumes"/g)?.length ?? 0;
    const before = await come();
    const made = Array.from({ length: pods }, (_, index) => TestPod.run(host.berth, `${round}-${index}`));
    const ends = (await Promise.all(made)).map((pod, index) => {
      const mounts = [1, 2, 3, 4].map((number) => ({
        hostPath: join(dead.path, `${index}-${number}`),
        containerPath: `/volume-${number}`,
      }));
      return pod.create(shellConfig("main", host.image, "true", { mounts })).then(
        () => "made",
        (error: Error) => error.message,
      );
    });
    await eventually("all have come to their mounts", async () => (await come()) >= before + pods);
    return ends;
  }

  it("blocks only the containers that mount it", async () => {
    const { berth, image } = host;
    const { runtime } = berth.clients;
    const other = await TestPod.run(berth, "other");
    const running = await other.shell("running", image, "exec sleep 1000");
    let answered = 0;
    const ends = (await victims("victim")).map((end) => end.finally(() => answered++));
    assert.equal(await execSync(berth, running, "echo", "alive"), "alive\n");
    const fresh = await TestPod.run(berth, "fresh");
    const mounts = [{ hostPath: join(berth.directory, "fine"), containerPath: "/fine" }];
    const id = await fresh.shell("main", image, "exec sleep 1000", { mounts });
    assert.equal(await execSync(berth, id, "ls", "/fine"), "");
    await runtime.stopContainer({ containerId: running, timeout: 0n });
    await runtime.removePodSandbox({ podSandboxId: other.id });
    assert.equal(answered, 0, "the others' calls have waited for those that the file system holds up");

    await dead[Symbol.asyncDispose]();
    const said = await Promise.all(ends);
    // Some have waited for their turn, and find the directory under the mount.
    for (const end of said) assert.match(end, /^made$|mount \/volume-\d: cannot use .*dead/);
    assert.ok(said.some((end) => end !== "made"));
    for (const { id: podSandboxId } of (await runtime.listPodSandbox({ filter: undefined })).items)
      await runtime.removePodSandbox({ podSandboxId });
  });

  it("does not prevent the daemon's end, and its containers are gone after the restart", async () => {
    const { berth } = host;
    const ends = await victims("cut");
    await berth.stopDaemon("SIGTERM");
    await Promise.all(ends);
    await dead[Symbol.asyncDispose]();
    await berth.startDaemon();
    const { runtime } = berth.clients;
    assert.deepEqual((await runtime.listContainers({ filter: undefined })).containers, []);
    const again = {
      config: podConfig("cut-0", { logDirectory: join(berth.logDir, "cut-0") }),
      runtimeHandler: "",
    };
    await runtime.runPodSandbox(again);
  });
});
