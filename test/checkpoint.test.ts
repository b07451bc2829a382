import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { ContainerState } from "../src/protocol/index.ts";
import type { TestBerth } from "./support/berth.ts";
import { eventually } from "./support/condition.ts";
import { checkpointConfig } from "./support/criu.ts";
import { containerStatus, execSync, exited, TestPod } from "./support/pod.ts";
import { shellConfig } from "./support/requests.ts";
import { withBerth } from "./support/with-berth.ts";

const run = promisify(execFile);
const config = await checkpointConfig();

/** Counts in its memory alone, and says each number. */
const counting = "i=0; while true; do i=$((i+1)); echo $i; sleep 0.05; done";

async function counted(pod: TestPod, name: string): Promise<readonly number[]> {
  return (await pod.log(name)).map((line) => Number(line.split(" ")[2]));
}

/** Waits until a container has counted that far, and returns all that it has said. */
function countsTo(pod: TestPod, name: string, least: number): Promise<readonly number[]> {
  return eventually(`${name} has counted to ${least}`, async () => {
    const numbers = await counted(pod, name);
    return (numbers.at(-1) ?? 0) >= least && numbers;
  });
}

function checkpoint(berth: TestBerth, containerId: string, location: string): Promise<unknown> {
  return berth.clients.runtime.checkpointContainer({ containerId, location, timeout: 60n });
}

describe("a checkpoint of a container", () => {
  const host = withBerth({ config });

  it("is an archive that only root reads, and the container goes on", async () => {
    const pod = await TestPod.run(host.berth, "archive");
    const id = await pod.shell("main", host.image, counting);
    await countsTo(pod, "main", 3);
    const location = join(host.berth.directory, "archive.tar");
    await checkpoint(host.berth, id, location);
    const after = (await counted(pod, "main")).at(-1) ?? 0;
    await countsTo(pod, "main", after + 3);
    assert.equal((await stat(location)).mode & 0o777, 0o600);
    const { stdout } = await run("tar", ["-tf", location]);
    const names = new Set(stdout.split("\n"));
    for (const name of [
      "config.dump",
      "spec.dump",
      "container.log",
      "dump.log",
      "stats-dump",
      "rootfs-diff.tar",
    ])
      assert.ok(names.has(name), name);
    assert.ok(names.has("checkpoint/inventory.img") && names.has("checkpoint/pages-1.img"));
    assert.deepEqual(
      (await readdir(host.berth.directory)).filter((name) => name.includes("partial")),
      [],
    );
    assert.deepEqual(await readdir(join(host.berth.root, "checkpoints")), []);
  });

  it("is restored with its memory, its files and its log, in the pod it is restored into", async () => {
    const before = await TestPod.run(host.berth, "before");
    const script = `echo new > /home/new; rm /etc/group; rm -r /var; mkdir /var; echo x > /var/y; ${counting}`;
    const first = await before.shell("main", host.image, script);
    await countsTo(before, "main", 3);
    const location = join(host.berth.directory, "restored.tar");
    await checkpoint(host.berth, first, location);
    await host.berth.clients.runtime.removePodSandbox({ podSandboxId: before.id });

    const pod = await TestPod.run(host.berth, "after");
    const id = await pod.create(shellConfig("main", location, ""));
    assert.equal((await containerStatus(host.berth, id)).state, ContainerState.CONTAINER_CREATED);
    await host.berth.clients.runtime.startContainer({ containerId: id });
    const numbers = await countsTo(pod, "main", 20);
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => index + 1),
    );
    assert.equal(await execSync(host.berth, id, "hostname"), "after\n");
    assert.equal(await execSync(host.berth, id, "cat", "/home/new", "/var/y"), "new\nx\n");
    await assert.rejects(execSync(host.berth, id, "cat", "/etc/group"), /No such file/);
    await host.berth.clients.runtime.stopContainer({ containerId: id, timeout: 0n });
    assert.equal((await exited(host.berth, id)).exitCode, 137);
    assert.deepEqual(await readdir(join(host.berth.root, "checkpoints")), []);
  });
});
