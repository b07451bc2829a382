import assert from "node:assert/strict";
import { mkdir, readdir, rename, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { NamespaceMode } from "../src/ground/protocol/index.ts";
import { TestBerth } from "./support/berth.ts";
import { startBusyboxRegistry } from "./support/busybox.ts";
import { eventually } from "./support/condition.ts";
import { CrashingBerth } from "./support/crashing-berth.ts";
import { execSync, TestPod } from "./support/pod.ts";
import { hostPort } from "./support/subnet.ts";

const mapping = [{ containerId: 0, hostId: 500_000, length: 65_536 }];

describe("a daemon whose database was moved away", () => {
  it("removes the containers and pods that it finds completely, and runs new ones", async () => {
    await using registry = await startBusyboxRegistry();
    await using host = await CrashingBerth.start();
    const { berth, cgroupParent } = host;
    const namespaceOptions = { pid: NamespaceMode.POD };
    const usernsOptions = { mode: NamespaceMode.POD, uids: mapping, gids: mapping };
    /** A pod with a pause process and one with its own users, both with a host port. */
    const runPods = async () => {
      await berth.pull(registry.image);
      const options = [namespaceOptions, { ...namespaceOptions, usernsOptions }];
      return Promise.all(
        options.map(async (each, index) => {
          const linux = { cgroupParent, securityContext: { namespaceOptions: each } };
          const portMappings = [{ containerPort: 80, hostPort: hostPort() }];
          const pod = await TestPod.run(berth, `pod-${index}`, { linux, portMappings });
          return { pod, id: await pod.shell("main", registry.image, "exec sleep 1000") };
        }),
      );
    };
    // The first pods create what all pods share.
    for (const { pod } of await runPods())
      await berth.clients.runtime.removePodSandbox({ podSandboxId: pod.id });
    const clean = await host.traces();
    await runPods();
    await berth.stopDaemon();
    await rename(join(berth.root, "metadata.db"), join(berth.directory, "moved.db"));
    await berth.startDaemon();
    assert.deepEqual((await berth.clients.runtime.listPodSandbox({ filter: undefined })).items, []);
    const layers = (trace: string) => trace.includes("/snapshots/overlayfs/");
    await host.returnsTo(clean.filter((trace) => !layers(trace)));
    for (const { id } of await runPods()) assert.equal(await execSync(berth, id, "echo", "alive"), "alive\n");
  });
});

describe("at its start the daemon", () => {
  it("removes volumes of removed containers, and nothing that is not its own", async () => {
    await using berth = await TestBerth.start({ network: undefined });
    await berth.stopDaemon();
    const volumes = join(berth.root, "volumes");
    await mkdir(join(volumes, "0a".repeat(32), "0"), { recursive: true });
    await writeFile(join(volumes, "0a".repeat(32), "0", "file"), "left by a container");
    await mkdir(join(volumes, "lost+found"));
    await berth.startDaemon();
    await eventually("only what is not its own is left", async () => {
      const names = await readdir(volumes);
      return names.length === 1 && names[0] === "lost+found";
    });
    await rmdir(join(volumes, "lost+found"));
  });
});
