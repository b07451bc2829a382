import assert from "node:assert/strict";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { status } from "@grpc/grpc-js";
import { containerd } from "../src/ground/protocol/index.ts";
import { ClientContainers } from "./support/client-containers.ts";
import { eventually } from "./support/condition.ts";
import { checkpointing } from "./support/criu.ts";
import { withContainerd } from "./support/with-containerd.ts";

const { CheckpointTaskRequest } = containerd.tasksV1;
const { CheckpointOptions } = containerd.runcOptions;
const { Any, Mount, Status } = containerd.types;

/**
 * Counts in memory, and shows each number by a directory in its root file system: an open file would have to
 * exist when it is restored.
 */
const counting = "i=0; while true; do i=$((i+1)); mkdir /n$i; sleep 0.05; done";

describe("containerd's API of checkpoints of tasks", async () => {
  let own: ClientContainers;
  // Before the daemon ends, since hooks run in the order of their registration.
  after(() => own?.[Symbol.asyncDispose]());
  const host = withContainerd(await checkpointing());
  before(async () => {
    own = await ClientContainers.open(host.clients, "checkpoints");
  });

  const shell = (id: string, script: string) => ({ id, args: ["/bin/sh", "-c", script] });
  const start = (containerId: string) => own.api.tasks.start({ containerId, execId: "" });
  const wait = (containerId: string) => own.api.tasks.wait({ containerId, execId: "" });
  const pidOf = async (containerId: string) =>
    (await own.api.tasks.get({ containerId, execId: "" })).process?.pid ?? 0;
  const count = async (containerId: string) => {
    const names = await readdir(`/proc/${await pidOf(containerId)}/root`).catch(() => []);
    return Math.max(0, ...names.flatMap((name) => Number(/^n(\d+)$/.exec(name)?.[1] ?? 0)));
  };
  const countsTo = (containerId: string, least: number) =>
    eventually(`${containerId} counts to ${least}`, async () => (await count(containerId)) >= least);
  const options = (given: Partial<containerd.runcOptions.CheckpointOptions>) => ({
    typeUrl: "containerd.runc.v1.CheckpointOptions",
    value: Buffer.from(CheckpointOptions.encode(CheckpointOptions.fromPartial(given)).finish()),
  });
  const checkpoint = (
    containerId: string,
    given: Partial<containerd.runcOptions.CheckpointOptions> = {},
    api = own.api,
  ) => api.tasks.checkpoint(CheckpointTaskRequest.fromPartial({ containerId, options: options(given) }));
  const kill = async (containerId: string) => {
    await own.api.tasks.kill({ containerId, execId: "", signal: 9, all: true });
    await wait(containerId);
    await own.api.tasks.delete({ containerId });
  };

  test("a task is checkpointed into content and continues, and another container's task continues from there", async () => {
    await own.task(shell("first", counting));
    await start("first");
    await countsTo("first", 10);
    await own.api.leases.create({ id: "held", labels: {} });
    const { descriptors } = await checkpoint("first", {}, host.clients.in(own.namespace, "held"));
    const before = await count("first");
    await countsTo("first", before + 3);
    const [images, config] = descriptors;
    assert.deepEqual(
      descriptors.map(({ mediaType }) => mediaType),
      [
        "application/vnd.containerd.container.criu.checkpoint.criu.tar",
        "application/vnd.containerd.container.checkpoint.config.v1+proto",
      ],
    );
    const held = await own.api.leases.listResources({ id: "held" });
    assert.deepEqual(
      held.resources.map(({ id }) => id).sort(),
      descriptors.map(({ digest }) => digest).sort(),
    );
    for (const { digest, size } of descriptors)
      assert.equal((await own.api.content.info({ digest })).info?.size, size);
    // As containerd's client reads it.
    const stream = own.api.raw.content.read(
      { digest: config?.digest ?? "", offset: 0n, size: 0n },
      own.api.metadata,
    );
    const pieces: Buffer[] = [];
    for await (const { data } of stream) pieces.push(data);
    const { container } = await own.api.containers.get({ id: "first" });
    assert.deepEqual(Any.decode(Buffer.concat(pieces)), container?.spec);
    await kill("first");

    await own.task(shell("second", counting), { checkpoint: images });
    assert.equal(
      (await own.api.tasks.get({ containerId: "second", execId: "" })).process?.status,
      Status.CREATED,
    );
    await start("second");
    await eventually("it goes on", async () => (await count("second")) > 0);
    assert.ok((await count("second")) >= 10);
    await kill("second");
    assert.deepEqual(await readdir(join(host.berth.root, "task-checkpoints")), []);
  });

  test("a task may end with its checkpoint, which may be at a path of the client's, with a logging program", async () => {
    const imagePath = join(own.directory, "images");
    await own.task(shell("ending", counting), { stdout: "binary:///bin/cat" });
    await start("ending");
    await countsTo("ending", 5);
    assert.deepEqual((await checkpoint("ending", { imagePath, exit: true })).descriptors, []);
    assert.equal((await wait("ending")).exitStatus, 137);
    await own.api.tasks.delete({ containerId: "ending" });
    assert.ok((await readdir(imagePath)).includes("inventory.img"));
    const { Options } = containerd.runcOptions;
    const restoring = {
      typeUrl: "containerd.runc.v1.Options",
      value: Buffer.from(Options.encode(Options.fromPartial({ criuImagePath: imagePath })).finish()),
    };
    await own.task(shell("again", counting), { stdout: "binary:///bin/cat", options: restoring });
    await start("again");
    await eventually("it goes on", async () => (await count("again")) > 5);
    await kill("again");
  });

  test("a task with a terminal is checkpointed and restored with another one", async () => {
    const process = { terminal: true };
    await own.task({ ...shell("screen", counting), process }, { terminal: true });
    await start("screen");
    await countsTo("screen", 5);
    const { descriptors } = await checkpoint("screen");
    await kill("screen");
    await own.task({ ...shell("next", counting), process }, { terminal: true, checkpoint: descriptors[0] });
    await start("next");
    await eventually("it goes on", async () => (await count("next")) > 5);
    await kill("next");
  });

  test("tasks that cannot be checkpointed or restored are rejected with the field, and leave nothing", async () => {
    await own.task(shell("refused", "exec sleep 1000"));
    const { INVALID_ARGUMENT, UNIMPLEMENTED, FAILED_PRECONDITION, NOT_FOUND } = status;
    await assert.rejects(checkpoint("refused"), { code: FAILED_PRECONDITION, details: /is created/ });
    await start("refused");
    for (const [given, code, details] of [
      [{ cgroupsMode: "none" }, INVALID_ARGUMENT, /cgroups_mode: "none"/],
      [{ emptyNamespaces: ["network"] }, UNIMPLEMENTED, /empty_namespaces/],
      [{ parentPath: "/parent" }, UNIMPLEMENTED, /parent_path/],
      [{ imagePath: "images" }, INVALID_ARGUMENT, /image_path: "images" is not an absolute path/],
    ] as const)
      await assert.rejects(checkpoint("refused", given as object), { code, details });
    await assert.rejects(checkpoint("none"), { code: NOT_FOUND });
    await kill("refused");
    // criu no longer finds a FIFO of the host.
    await own.task(shell("fifos", "exec sleep 1000"), await own.fifos());
    await start("fifos");
    await assert.rejects(checkpoint("fifos"), {
      code: FAILED_PRECONDITION,
      details: /criu cannot checkpoint/,
    });
    await kill("fifos");
    const rootfs = (await own.create(shell("damaged", "exit 0"))).map((mount) => Mount.fromPartial(mount));
    const digest = `sha256:${"a".repeat(64)}`;
    const type = "application/vnd.containerd.container.criu.checkpoint.criu.tar";
    for (const [given, code] of [
      [{ mediaType: "text/plain", digest }, UNIMPLEMENTED],
      [{ mediaType: type, digest }, NOT_FOUND],
      [{ mediaType: type, digest: "none" }, INVALID_ARGUMENT],
    ] as const) {
      const desc = containerd.types.Descriptor.fromPartial(given);
      await assert.rejects(own.createTask({ containerId: "damaged", rootfs, checkpoint: desc }), { code });
    }
    const empty = join(own.directory, "empty");
    await mkdir(empty);
    const { Options } = containerd.runcOptions;
    const value = Buffer.from(Options.encode(Options.fromPartial({ criuImagePath: empty })).finish());
    const runc = { typeUrl: "containerd.runc.v1.Options", value };
    await assert.rejects(own.createTask({ containerId: "damaged", rootfs, options: runc }));
    assert.deepEqual((await own.api.tasks.list({ filter: "" })).tasks, []);
    assert.deepEqual(await readdir(join(host.berth.root, "task-checkpoints")), []);
  });
});
