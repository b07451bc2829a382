import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { bindMount, unmount } from "../src/ground/linux/index.ts";
import {
  type ContainerConfig,
  ContainerState,
  type PodSandboxConfig,
  RestorePodRequest,
} from "../src/ground/protocol/index.ts";
import { countsTo } from "./support/checkpoints.ts";
import { cliOutput } from "./support/cli.ts";
import { eventually } from "./support/condition.ts";
import { checkpointing } from "./support/criu.ts";
import { containerStatus, execSync, exited, TestPod } from "./support/pod.ts";
import { podConfig, shellConfig } from "./support/requests.ts";
import { withBerth } from "./support/with-berth.ts";

const options = await checkpointing();

describe("a checkpoint of a pod", () => {
  const host = withBerth(options);
  const rpc = () => host.berth.clients.runtime;

  /** A directory like one that a kubelet creates. */
  const outputDirectory = async (name: string) => {
    const path = join(host.berth.directory, name);
    await mkdir(path, { mode: 0o700 });
    return path;
  };

  /** Two containers that count in step: one writes each number where the other reads it. */
  const leader = "i=0; while true; do i=$((i+1)); echo $i > /dev/shm/n; echo $i; sleep 0.02; done";
  const follower = "i=0; while true; do i=$((i+1)); echo $i; sleep 0.03; done";
  const configs = (image: string, first = leader, second = follower) => [
    shellConfig("first", image, first),
    shellConfig("second", image, second),
  ];

  const runPod = async (name: string, ...scripts: string[]) => {
    const pod = await TestPod.run(host.berth, name);
    const ids: string[] = [];
    for (const config of configs(host.image, ...scripts)) {
      const containerId = await pod.create(config);
      await rpc().startContainer({ containerId });
      ids.push(containerId);
    }
    await countsTo(pod, "first", 3);
    await countsTo(pod, "second", 3);
    return { pod, ids };
  };

  const restore = (directory: string, config: PodSandboxConfig, containerConfigs: ContainerConfig[]) =>
    rpc().restorePod(RestorePodRequest.fromPartial({ checkpointPath: directory, config, containerConfigs }));

  const numbers = async (directory: string, name: string) =>
    (await readFile(join(directory, `${name}.log`), "utf8"))
      .trim()
      .split("\n")
      .map((line) => Number(line.split(" ")[3]));

  it("contains all its containers, which continue, and is restored as a pod whose containers wait to be started", async () => {
    const { pod, ids } = await runPod("whole");
    const output = await outputDirectory("whole.checkpoint");
    await rpc().checkpointPod({ podSandboxId: pod.id, outputPath: output, containerIds: ids, options: {} });
    assert.deepEqual((await readdir(output)).sort(), [...ids.map((id) => `${id}.tar`), "pod.dump"].sort());
    for (const name of await readdir(output))
      assert.equal((await stat(join(output, name))).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(join(host.berth.root, "checkpoints")), []);
    const said = (await pod.log("first")).length;
    await eventually("it goes on", async () => (await pod.log("first")).length > said + 3);

    const logDirectory = join(host.berth.logDir, "copy");
    const config = podConfig("copy", { logDirectory });
    const restored = await restore(output, config, configs(host.image));
    assert.deepEqual(restored.restoredContainers.map(({ name }) => name).sort(), ["first", "second"]);
    // The caller did not get the reply, and repeats the call.
    assert.deepEqual(await restore(output, config, configs(host.image)), restored);
    for (const { containerId } of restored.restoredContainers) {
      const status = await containerStatus(host.berth, containerId);
      assert.deepEqual([status.state, status.startedAt], [ContainerState.CONTAINER_CREATED, 0n]);
      await rpc().startContainer({ containerId });
    }
    for (const name of ["first", "second"]) {
      const counted = await eventually(`${name} counts`, async () => {
        const all = await numbers(logDirectory, name);
        return all.length > said + 10 && all;
      });
      assert.deepEqual(
        counted,
        counted.map((_, index) => index + 1),
      );
    }
    const [{ containerId } = { containerId: "" }] = restored.restoredContainers;
    assert.equal(await execSync(host.berth, containerId, "hostname"), "copy\n");
    await rpc().removePodSandbox({ podSandboxId: restored.podSandboxId });
    assert.deepEqual(await readdir(join(host.berth.root, "checkpoints")), []);
    assert.ok((await readdir(output)).includes("pod.dump"));
  });

  it("is kept although criu's other files cannot be removed, which the next daemon does, also after another checkpoint", async () => {
    const { pod, ids } = await runPod("held");
    const output = await outputDirectory("held.checkpoint");
    const held = join(output, ".criu", "held");
    const written = rpc().checkpointPod({
      podSandboxId: pod.id,
      outputPath: output,
      containerIds: ids,
      options: {},
    });
    await eventually("criu's directory is there", () =>
      mkdir(held).then(
        () => true,
        () => false,
      ),
    );
    await bindMount(held, held);
    try {
      await written;
    } finally {
      await unmount(held);
    }
    const whole = [...ids.map((id) => `${id}.tar`), "pod.dump"].sort();
    assert.deepEqual((await readdir(output)).sort(), [".criu", ...whole].sort());
    const another = await outputDirectory("another.checkpoint");
    await rpc().checkpointPod({
      podSandboxId: pod.id,
      outputPath: another,
      containerIds: ids,
      options: {},
    });
    await host.berth.restartDaemon();
    const journals = () => readdir(join(host.berth.root, "checkpoints"));
    await eventually("nothing is left to remove", async () => (await journals()).length === 0);
    assert.deepEqual((await readdir(output)).sort(), whole);
    await countsTo(pod, "first", 3);
  });

  it("that was made where an earlier one had failed and its files could not be removed is kept by the next daemon", async () => {
    const { pod, ids } = await runPod("twice");
    const output = await outputDirectory("twice.checkpoint");
    const held = join(output, ".criu", "held");
    const request = { podSandboxId: pod.id, outputPath: output, containerIds: ids, options: {} };
    const failed = assert.rejects(rpc().checkpointPod(request), /EISDIR/);
    await eventually("criu's directory is there", () =>
      mkdir(held).then(
        () => true,
        () => false,
      ),
    );
    await bindMount(held, held);
    try {
      await mkdir(join(output, "pod.dump"));
      await failed;
    } finally {
      await unmount(held);
    }
    await rm(output, { recursive: true });
    await mkdir(output, { mode: 0o700 });
    await rpc().checkpointPod(request);
    const whole = [...ids.map((id) => `${id}.tar`), "pod.dump"].sort();
    await host.berth.restartDaemon();
    const journals = () => readdir(join(host.berth.root, "checkpoints"));
    await eventually("nothing is left to remove", async () => (await journals()).length === 0);
    assert.deepEqual((await readdir(output)).sort(), whole);
  });

  it("that waits for one container does not delay a stop of another", async () => {
    const script = (loop: string) => `truncate -s 500G /large; ${loop}`;
    const { pod, ids } = await runPod("waiting", script(leader), script(follower));
    // Their locks are taken in this order.
    const [stopped = "", committed = ""] = ids.toSorted();
    const output = await outputDirectory("waiting.checkpoint");
    const large = cliOutput(host.berth, "commit", committed, "example.test/waiting:1").catch(String);
    const ingests = () => readdir(join(host.berth.root, "content/ingest/k8s.io")).catch(() => []);
    await eventually("the commit to write", async () => (await ingests()).length > 0);
    const request = { podSandboxId: pod.id, outputPath: output, containerIds: ids, options: {} };
    const waiting = rpc()
      .checkpointPod(request)
      .then(() => "written", String);
    await rpc().stopContainer({ containerId: stopped, timeout: 0n });
    assert.match(await waiting, /ABORTED.*was stopped while it was being checkpointed/);
    assert.equal((await exited(host.berth, stopped)).exitCode, 137);
    assert.notDeepEqual(await ingests(), [], "the other container's commit goes on");
    await rpc().removePodSandbox({ podSandboxId: pod.id });
    assert.match(await large, /was stopped while it was being read/);
  });

  it("must include exactly its running containers, in an empty directory, without options", async () => {
    const { pod, ids } = await runPod("exact");
    const other = await runPod("other");
    const output = await outputDirectory("exact.checkpoint");
    const request = { podSandboxId: pod.id, outputPath: output, containerIds: ids, options: {} };
    const [one = ""] = ids;
    const refused = async (change: Partial<typeof request>, reason: RegExp) => {
      await assert.rejects(rpc().checkpointPod({ ...request, ...change }), reason);
      assert.deepEqual(await readdir(output), []);
    };
    await refused({ containerIds: [] }, /INVALID_ARGUMENT.*container_ids/);
    await refused({ containerIds: [one] }, /FAILED_PRECONDITION.*was not requested/);
    await refused({ containerIds: [one, one] }, /FAILED_PRECONDITION.*more than once/);
    await refused({ containerIds: [...ids, ...other.ids] }, /FAILED_PRECONDITION.*is not running in it/);
    await refused({ options: { "x/mode": "fast" } as never }, /INVALID_ARGUMENT.*options.*x\/mode/);
    await refused({ outputPath: join(output, "none") }, /INVALID_ARGUMENT.*does not exist/);
    await refused({ podSandboxId: "0123" }, /NOT_FOUND/);
    const full = await outputDirectory("full.checkpoint");
    await writeFile(join(full, "kept"), "kept");
    await assert.rejects(
      rpc().checkpointPod({ ...request, outputPath: full }),
      /INVALID_ARGUMENT.*not empty/,
    );
    assert.equal(await readFile(join(full, "kept"), "utf8"), "kept");
    await rpc().stopContainer({ containerId: one, timeout: 0n });
    await exited(host.berth, one);
    await refused({}, /FAILED_PRECONDITION.*is not running in it/);
  });

  it("that fails for one container leaves nothing, and all continue", async () => {
    // criu saves files that are open and deleted only if they are small.
    const ghost = "dd if=/dev/zero of=/home/ghost bs=1M count=2; exec 8</home/ghost; rm /home/ghost";
    const { pod, ids } = await runPod("fails", leader, `${ghost}; ${follower}`);
    const output = await outputDirectory("fails.checkpoint");
    await assert.rejects(
      rpc().checkpointPod({ podSandboxId: pod.id, outputPath: output, containerIds: ids, options: {} }),
      /FAILED_PRECONDITION.*criu cannot checkpoint container.*ghost/,
    );
    assert.deepEqual(await readdir(output), []);
    assert.deepEqual(await readdir(join(host.berth.root, "checkpoints")), []);
    for (const name of ["first", "second"]) {
      const said = (await pod.log(name)).length;
      await eventually(`${name} goes on`, async () => (await pod.log(name)).length > said + 2);
    }
  });

  it("is restored only with configurations of the same containers and processes, and otherwise leaves nothing", async () => {
    const { pod, ids } = await runPod("compared");
    const output = await outputDirectory("compared.checkpoint");
    await rpc().checkpointPod({ podSandboxId: pod.id, outputPath: output, containerIds: ids, options: {} });
    const before = (await rpc().listPodSandbox({ filter: undefined })).items.length;
    const config = podConfig("compared-copy");
    const [first, second] = configs(host.image);
    if (first === undefined || second === undefined) throw new Error("two containers");
    const refused = async (containerConfigs: ContainerConfig[], reason: RegExp) => {
      await assert.rejects(restore(output, config, containerConfigs), reason);
      assert.equal((await rpc().listPodSandbox({ filter: undefined })).items.length, before);
      assert.deepEqual(await readdir(join(host.berth.root, "checkpoints")), []);
    };
    await refused([first], /INVALID_ARGUMENT.*no configuration .*second/);
    await refused([first, first], /INVALID_ARGUMENT.*"first" must match exactly one/);
    await refused([first, shellConfig("third", host.image, follower)], /INVALID_ARGUMENT.*"third"/);
    await refused([first, shellConfig("second", host.image, "other")], /FAILED_PRECONDITION.*runs/);
    const image = { ...second, image: { ...second.image, image: "example.com/other:1" } };
    await refused([first, image as ContainerConfig], /FAILED_PRECONDITION.*example.com\/other:1/);
    await refused([first, { ...second, workingDir: "/tmp" }], /FAILED_PRECONDITION.*started in/);
    await assert.rejects(
      restore(host.berth.directory, config, [first, second]),
      /INVALID_ARGUMENT.*pod.dump/,
    );
    const request = { checkpointPath: output, config, containerConfigs: [first, second] };
    const unknown = RestorePodRequest.fromPartial({ ...request, options: { "x/mode": "lazy" } });
    await assert.rejects(rpc().restorePod(unknown), /INVALID_ARGUMENT.*options.*x\/mode/);
    const other = RestorePodRequest.fromPartial({ ...request, runtimeHandler: "none" });
    await assert.rejects(rpc().restorePod(other), /INVALID_ARGUMENT.*runtime handler.*none/);
  });
});
