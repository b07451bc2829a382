import assert from "node:assert/strict";
import { test } from "node:test";
import { containerd } from "../../ground/protocol/index.ts";
import type { Envelope, EventByTopic } from "../../services/events/index.ts";
import { projectFiles, readProjectFile } from "../../testing/docs.ts";
import { toEventMessage } from "./event-messages.ts";

/** What clients of containerd's library know events by: the messages of its `.proto` files. */
async function knownTypes(): Promise<readonly string[]> {
  const files = await projectFiles("proto/containerd/events/*.proto");
  const types = await Array.fromAsync(files, async (file) => {
    const text = await readProjectFile(file);
    const [, name] = /^package ([\w.]+);/m.exec(text) ?? [];
    return [...text.matchAll(/^message (\w+)/gm)].map(([, message]) => `${name}.${message}`);
  });
  return types.flat();
}

const named = { name: "n", labels: { a: "b" } };
const ended = { containerId: "c", pid: 1, exitCode: 2, exitedAtNs: 3n };
const samples: {
  readonly [T in Exclude<keyof EventByTopic, "/sandboxes/delete" | `/pods/${string}`>]: EventByTopic[T];
} = {
  "/namespaces/create": named,
  "/namespaces/update": named,
  "/namespaces/delete": named,
  "/images/create": named,
  "/images/update": named,
  "/images/delete": named,
  "/content/create": { digest: "d", sizeBytes: 1, mediaType: "m" },
  "/content/delete": { digest: "d" },
  "/snapshot/prepare": { snapshotter: "s", key: "k", parent: undefined },
  "/snapshot/commit": { snapshotter: "s", key: "k", name: "n" },
  "/snapshot/remove": { snapshotter: "s", key: "k" },
  "/containers/create": { id: "c", image: "i", runtime: { name: "r" }, extensions: [] },
  "/containers/update": { id: "c", image: "i", labels: {}, snapshotKey: "k" },
  "/containers/delete": { id: "c" },
  "/tasks/create": {
    ...{ containerId: "c", pid: 1, bundleDir: "/b", terminal: false },
    ...{ asked: undefined, checkpoint: undefined },
  },
  "/tasks/start": { containerId: "c", pid: 1 },
  "/tasks/exit": { id: "e", ...ended },
  "/tasks/delete": ended,
  "/tasks/exec-added": { containerId: "c", execId: "e" },
  "/tasks/exec-started": { containerId: "c", execId: "e", pid: 1 },
  "/tasks/oom": { containerId: "c" },
  "/tasks/paused": { containerId: "c" },
  "/tasks/resumed": { containerId: "c" },
  "/tasks/checkpointed": { containerId: "c", checkpoint: "/i" },
  "/sandboxes/create": { sandboxId: "s" },
  "/sandboxes/start": { sandboxId: "s" },
  "/sandboxes/exit": { sandboxId: "s" },
};

test("every event has a type that containerd's clients know", async () => {
  const known = await knownTypes();
  assert.ok(known.length > 20, known.join());
  for (const [topic, event] of Object.entries(samples)) {
    const message = toEventMessage({ topic, event, namespace: "n", atNs: 0n } as Envelope);
    assert.ok(known.includes(message?.any.typeUrl ?? ""), `${topic}: ${message?.any.typeUrl}`);
  }
});

test("an image's event has the package of the image service, as in containerd", () => {
  const message = toEventMessage({ topic: "/images/create", event: named, namespace: "n", atNs: 0n });
  assert.equal(message?.any.typeUrl, "containerd.services.images.v1.ImageCreate");
  const decoded = containerd.events.ImageCreate.decode(message.any.value);
  assert.deepEqual(decoded, named);
});

test("the end of a pod has its time", () => {
  const event = { sandboxId: "s" };
  const message = toEventMessage({ topic: "/sandboxes/exit", event, namespace: "n", atNs: 3_000_000_004n });
  const { exitedAt } = containerd.events.SandboxExit.decode(message?.any.value ?? new Uint8Array());
  assert.deepEqual(exitedAt, { seconds: 3n, nanos: 4 });
});
