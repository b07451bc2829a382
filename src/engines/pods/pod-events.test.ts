import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { createLogger } from "../../ground/logging/index.ts";
import { openDatabase } from "../../ground/metadata/index.ts";
import { ContainerConfig, ownerLabel, PodSandboxConfig } from "../../ground/protocol/index.ts";
import { digestOf } from "../../parts/oci/index.ts";
import { ContainerStore } from "../../services/containers/index.ts";
import { ServiceEvents } from "../../services/events/index.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { neverStarted } from "./container/container-view.ts";
import { PodEvents } from "./pod-events.ts";
import { containerRecords, sandboxRecords } from "./records/record-forms.ts";
import { TaskTable } from "./tasks/task-table.ts";

const logger = createLogger({ level: "silent", format: "json" });

/** A pod with one container, each by a record, and its events. */
async function pod() {
  await using undo = new AsyncDisposableStack();
  const { path } = undo.use(await tempDir());
  const database = undo.use(await openDatabase({ path: join(path, "metadata.db") }));
  const events = new ServiceEvents();
  const common = (await ContainerStore.open(database, events)).inNamespace("k8s.io");
  const sandboxes = sandboxRecords(common.sandboxes, logger);
  const containers = containerRecords(common.containers, "overlayfs", logger);
  const sandbox = await sandboxes.create({
    id: "pod",
    config: PodSandboxConfig.fromPartial({ labels: { [ownerLabel]: "run" } }),
    handler: "",
    resolvedHandler: "crun",
    phase: "ready",
    ips: [],
  });
  const container = await containers.create({
    id: "web",
    sandboxId: "pod",
    config: ContainerConfig.fromPartial({}),
    imageId: digestOf(Buffer.from("app")),
    imageRef: "app@sha256:0",
    imageName: "app",
    runtime: "crun",
    phase: { kind: "created" },
    logPath: "",
    user: { uid: 0, gid: 0, supplementalGroups: [] },
    stopSignal: 15,
  });
  const { createdAtNs: _, ...draft } = container;
  await containers.create({ ...draft, id: "next", phase: { kind: "creating" } });
  const podEvents = new PodEvents(events, sandboxes, containers, new TaskTable());
  const kept = undo.move();
  return {
    events,
    podEvents,
    sandboxes,
    containers,
    sandbox,
    container,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

test("no view of a pod is made while nobody listens, nor for who wants none", async (t) => {
  await using made = await pod();
  const looks = t.mock.method(made.containers, "list");
  const end = new AbortController();
  const changes = made.podEvents.changes(end.signal)[Symbol.asyncIterator]();
  made.podEvents.container("created", "web", "pod");
  made.podEvents.sandbox("exit", "pod");
  assert.deepEqual(
    [(await changes.next()).value, (await changes.next()).value].map(({ kind, id }) => [kind, id]),
    [
      ["created", "web"],
      ["stopped", "pod"],
    ],
  );
  assert.equal(looks.mock.callCount(), 0);
  const shown = made.podEvents.subscribe(end.signal)[Symbol.asyncIterator]();
  made.podEvents.container("started", "web", "pod");
  assert.equal(looks.mock.callCount(), 1);
  assert.equal((await shown.next()).value.containerId, "web");
  end.abort();
  made.podEvents.container("stopped", "web", "pod");
  assert.equal(looks.mock.callCount(), 1);
});

test("an event shows the pod as it was right after, however late it is read, without containers being created, and what is deleted as it was last", async () => {
  await using made = await pod();
  const { podEvents, sandboxes, containers, sandbox, container } = made;
  const end = new AbortController();
  const shown = podEvents.subscribe(end.signal);
  podEvents.container("created", "web", "pod");
  await containers.save({ ...container, phase: neverStarted("no such program") });
  podEvents.container("stopped", "web", "pod");
  // As by a removal after its end could not be recorded.
  podEvents.container("stopped", "web", "pod");
  await containers.delete("web");
  podEvents.containerDeleted(container);
  podEvents.sandbox("exit", "pod");
  // As by its stop after its pause process has ended.
  podEvents.sandbox("exit", "pod");
  await sandboxes.delete("pod");
  podEvents.sandboxDeleted(sandbox);
  // Of another client of the same namespace, and of another namespace.
  made.events.publish("k8s.io", "/images/delete", { name: "app" });
  made.events.publish("moby", "/sandboxes/exit", { sandboxId: "pod" });
  const seen: unknown[] = [];
  for await (const { kind, containerId, owner, sandbox: of, containers: all } of shown) {
    seen.push([kind, containerId, owner, of?.id, all.map(({ state }) => state.kind)]);
    if (containerId === "pod" && kind === "deleted") end.abort();
  }
  assert.deepEqual(seen, [
    ["created", "web", "", "pod", ["created"]],
    ["stopped", "web", "", "pod", ["exited"]],
    ["deleted", "web", "", "pod", []],
    ["stopped", "pod", "run", "pod", []],
    ["deleted", "pod", "run", "pod", []],
  ]);
});
