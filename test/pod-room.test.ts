import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { open, statfs } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { status as grpcStatus } from "@grpc/grpc-js";
import { NamespaceMode } from "../src/ground/protocol/index.ts";
import { TestBerth } from "./support/berth.ts";
import { startBusyboxRegistry } from "./support/busybox.ts";
import { execSync, exited, TestPod } from "./support/pod.ts";
import { podConfig, shellConfig } from "./support/requests.ts";

const run = promisify(execFile);
const podFiles = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];
const stateBytes = 32 * 2 ** 20;

describe("the state directory's space", () => {
  let registry: Awaited<ReturnType<typeof startBusyboxRegistry>> | undefined;
  let berth: TestBerth;
  let image: string;

  before(async () => {
    registry = await startBusyboxRegistry();
    image = registry.image;
    berth = await TestBerth.start();
    await berth.stopDaemon();
    await run("mount", ["-t", "tmpfs", "-o", `size=${stateBytes},mode=711`, "tmpfs", berth.state]);
    await berth.startDaemon();
    await berth.pull(image);
  });

  after(async () => {
    await using _registry = registry;
    await using _berth = berth;
    const { runtime } = berth.clients;
    const { items } = await runtime.listPodSandbox({ filter: undefined });
    for (const { id } of items) await runtime.removePodSandbox({ podSandboxId: id });
    await berth.stopDaemon();
    await run("umount", ["--lazy", berth.state]);
  });

  const free = async () => {
    const { bavail, bsize } = await statfs(berth.state);
    return bavail * bsize;
  };

  for (const [kind, network, pid] of [
    ["its own network", NamespaceMode.POD, NamespaceMode.CONTAINER],
    ["the host's network", NamespaceMode.NODE, NamespaceMode.CONTAINER],
    ["its own network whose containers share a PID namespace", NamespaceMode.POD, NamespaceMode.POD],
  ] as const) {
    it(`cannot be filled by a pod on ${kind} with its writable files`, async () => {
      const namespaceOptions = { network, pid };
      const linux = { securityContext: { namespaceOptions } };
      const pod = await TestPod.run(berth, `filler-${network}-${pid}`, { linux });
      const id = await pod.shell("main", image, "exec sleep 1000");
      const freeBefore = await free();
      for (const file of [...podFiles, "/dev/shm/x"]) {
        const script = `dd if=/dev/zero of=${file} bs=64k`;
        await assert.rejects(execSync(berth, id, "sh", "-c", script), /No space left on device/);
      }
      assert.ok(freeBefore - (await free()) < 2 ** 20, `${freeBefore - (await free())} bytes are taken`);
      const other = await TestPod.run(berth, `other-${network}-${pid}`);
      assert.equal((await exited(berth, await other.shell("main", image, "exit 7"))).exitCode, 7);
      assert.equal((await exited(berth, await pod.shell("second", image, "exit 8"))).exitCode, 8);
    });
  }

  it("when exhausted fails a pod with RESOURCE_EXHAUSTED or not at all, and never the daemon", async () => {
    const { runtime } = berth.clients;
    const { pid } = berth;
    const filler = join(berth.state, "filler");
    await using file = await open(filler, "w");
    while ((await statfs(berth.state)).bfree > 0) await file.write(Buffer.alloc(4096));
    try {
      const made: string[] = [];
      for (let tries = 0; tries < 10; tries++) {
        const config = podConfig(`full-${tries}`);
        const { podSandboxId } = await runtime
          .runPodSandbox({ config, runtimeHandler: "" })
          .catch((error: { code: number; details: string }) => {
            assert.equal(error.code, grpcStatus.RESOURCE_EXHAUSTED, error.details);
            assert.ok(error.details.includes(berth.state), error.details);
            return { podSandboxId: undefined };
          });
        if (podSandboxId !== undefined) made.push(podSandboxId);
      }
      for (const podSandboxId of made) await runtime.removePodSandbox({ podSandboxId });
    } finally {
      await file.truncate(0);
    }
    assert.equal(berth.pid, pid);
    const pod = await TestPod.run(berth, "after");
    const id = await pod.create(shellConfig("main", image, "exit 9"));
    await runtime.startContainer({ containerId: id });
    assert.equal((await exited(berth, id)).exitCode, 9);
  });
});
