import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it } from "node:test";
import { Metadata } from "@grpc/grpc-js";
import { decode, encode } from "../src/ground/metadata/index.ts";
import { ContainerState, ownerMetadata } from "../src/ground/protocol/index.ts";
import { startBusyboxRegistry } from "./support/busybox.ts";
import { cli, cliOutput } from "./support/cli.ts";
import { CrashingBerth } from "./support/crashing-berth.ts";
import { containerStatus, execSync, exited, TestPod } from "./support/pod.ts";
import { podConfig } from "./support/requests.ts";
import { verboseInfo } from "./support/verbose.ts";

describe("damaged files in the state directory", () => {
  it("cost a container its exit, which is recorded as lost, and prevent no removal", async () => {
    await using registry = await startBusyboxRegistry();
    await using cut = await CrashingBerth.start();
    const { berth } = cut;
    await berth.pull(registry.image);
    const before = await cut.traces();
    const pod = await TestPod.run(berth, "damaged", { linux: { cgroupParent: cut.cgroupParent } });
    const containerId = await pod.shell("main", registry.image, "sleep 1000 & sleep 1000");
    await berth.stopDaemon("SIGKILL");
    const bundle = join(berth.state, "containers", containerId);
    for (const name of ["config.json", "task.json"]) await writeFile(join(bundle, name), "{");
    await berth.startDaemon();
    const status = await exited(berth, containerId);
    assert.deepEqual([status.exitCode, status.reason], [255, "Unknown"]);
    assert.match(await berth.daemonLog(), new RegExp(`${bundle}/task\\.json`));
    await berth.clients.runtime.removeContainer({ containerId });
    await berth.clients.runtime.removePodSandbox({ podSandboxId: pod.id });
    await cut.returnsTo(before);
  });

  it("leave a running container that can be inspected, stopped and removed", async () => {
    await using registry = await startBusyboxRegistry();
    await using cut = await CrashingBerth.start();
    const { berth } = cut;
    await berth.pull(registry.image);
    const before = await cut.traces();
    const pod = await TestPod.run(berth, "damaged", { linux: { cgroupParent: cut.cgroupParent } });
    const containerId = await pod.shell("main", registry.image, "exec sleep 1000");
    const bundle = join(berth.state, "containers", containerId);
    for (const name of ["config.json", "task.json"]) await writeFile(join(bundle, name), "");
    assert.equal((await verboseInfo(berth, containerId)).runtimeSpec.process.args[0], "/bin/sh");
    assert.equal((await containerStatus(berth, containerId)).state, ContainerState.CONTAINER_RUNNING);
    await berth.clients.runtime.stopContainer({ containerId, timeout: 0n });
    assert.equal((await exited(berth, containerId)).exitCode, 137);
    await berth.clients.runtime.removeContainer({ containerId });
    await berth.clients.runtime.removePodSandbox({ podSandboxId: pod.id });
    await cut.returnsTo(before);
  });
});

describe("a record that cannot be read", () => {
  it("is left out of lists and named in the verbose Status, everything else continues, and it can be removed", async () => {
    await using registry = await startBusyboxRegistry();
    await using cut = await CrashingBerth.start();
    const { berth } = cut;
    await berth.pull(registry.image);
    const before = await cut.traces();
    const linux = { cgroupParent: cut.cgroupParent };
    const [lost, half, whole] = await Promise.all(
      ["lost", "half", "whole"].map((name) => TestPod.run(berth, name, { linux })),
    );
    assert.ok(lost && half && whole);
    const running = "sleep 1000 & sleep 1000";
    const ofLost = await lost.shell("main", registry.image, running);
    const unreadable = await half.shell("unreadable", registry.image, running);
    const kept = await half.shell("kept", registry.image, running);
    const ofWhole = await whole.shell("main", registry.image, running);
    await berth.stopDaemon("SIGKILL");
    damageRecord(berth.root, "sandboxes", lost.id);
    damageRecord(berth.root, "containers", unreadable);
    await berth.startDaemon();

    const { containers } = await berth.clients.runtime.listContainers({ filter: undefined });
    assert.deepEqual(containers.map(({ id }) => id).sort(), [ofLost, kept, ofWhole].sort());
    const { items } = await berth.clients.runtime.listPodSandbox({ filter: undefined });
    assert.deepEqual(items.map(({ id }) => id).sort(), [half.id, whole.id].sort());
    const { info } = await berth.clients.runtime.status({ verbose: true });
    const named = JSON.parse(info.unreadableRecords ?? "[]").map(({ id }: { id: string }) => id);
    assert.deepEqual(named, [lost.id, unreadable]);
    assert.match(await berth.daemonLog(), new RegExp(`${unreadable}.*cannot be read`));
    await assert.rejects(
      containerStatus(berth, unreadable),
      /DATA_LOSS.*io\.berth\.cri\.container.*remove it/,
    );
    // Other records, and the container of the pod with the unreadable one, are unchanged.
    for (const id of [ofLost, kept, ofWhole])
      assert.equal(await execSync(berth, id, "echo", "here"), "here\n");
    await berth.clients.runtime.stopContainer({ containerId: ofLost, timeout: 0n });
    assert.equal((await exited(berth, ofLost)).exitCode, 137);

    const doctor = await cli(berth, "doctor");
    assert.match(
      doctor.stdout,
      new RegExp(`records that cannot be read .*${lost.id}, container ${unreadable}`),
    );
    await cliOutput(berth, "rm", "--force", lost.id);
    for (const { id } of [half, whole]) await berth.clients.runtime.removePodSandbox({ podSandboxId: id });
    const after = await berth.clients.runtime.status({ verbose: true });
    assert.equal(after.info.unreadableRecords, "[]");
    await cut.returnsTo(before);
  });

  it("does not turn what belongs to it, or to another owner, into leftovers", async () => {
    await using cut = await CrashingBerth.start();
    const { berth } = cut;
    const before = await cut.traces();
    const linux = { cgroupParent: cut.cgroupParent };
    const lost = await TestPod.run(berth, "lost", { linux });
    const others = new Metadata();
    others.set(ownerMetadata, "builder");
    const config = podConfig("others", { logDirectory: join(berth.logDir, "others"), linux });
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    berth.clients.rawRuntime.runPodSandbox({ config, runtimeHandler: "" }, others, (error, response) =>
      error === null ? resolve(response.podSandboxId) : reject(error),
    );
    const podSandboxId = await promise;
    await berth.stopDaemon("SIGKILL");
    damageRecord(berth.root, "sandboxes", lost.id);
    await berth.startDaemon();
    const options = ["-o", "json", "--config", join(berth.directory, "config.toml")];
    const { stdout } = await cli(berth, "doctor", "--leaks", ...options);
    assert.match(stdout, /"check": ?"leaks"/);
    assert.doesNotMatch(stdout, /the search failed/);
    // A pod has mounts and a directory below the state directory, which only this daemon uses.
    for (const own of [join(berth.state, "sandboxes"), podSandboxId])
      assert.ok(!stdout.includes(own), stdout);
    await cliOutput(berth, "rm", "--force", lost.id);
    await berth.clients.runtime.removePodSandbox({ podSandboxId });
    await cut.returnsTo(before);
  });
});

/** Replaces CRI's record in the database of a daemon that is not running. */
function damageRecord(root: string, table: "containers" | "sandboxes", id: string): void {
  const db = new DatabaseSync(join(root, "metadata.db"));
  try {
    const row = db.prepare(`SELECT value FROM ${table} WHERE key = ?`).get(id);
    const record = decode(String(row?.value)) as { extensions: Record<string, { value: Uint8Array }> };
    for (const extension of Object.values(record.extensions)) extension.value = new TextEncoder().encode("{");
    db.prepare(`UPDATE ${table} SET value = ? WHERE key = ?`).run(encode(record), id);
  } finally {
    db.close();
  }
}
