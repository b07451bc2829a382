import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { updateLabels } from "../../ground/labels/index.ts";
import { openDatabase } from "../../ground/metadata/index.ts";
import { PublishedEvents } from "../../testing/published.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { ContainerStore, type Containers } from "./index.ts";

async function opened(root: string) {
  const database = await openDatabase({ path: join(root, "metadata.db") });
  const events = new PublishedEvents();
  const store = await ContainerStore.open(database, events);
  return { store, events, database, [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() };
}

type NewContainer = Parameters<Containers["create"]>[0];

function container(fields: Partial<NewContainer> = {}): NewContainer {
  return {
    id: "web",
    labels: {},
    image: "",
    runtime: { name: "crun" },
    snapshotter: "",
    snapshotKey: "",
    extensions: {},
    ...fields,
  };
}

/** As a client of another language writes it: with fields, numbers and spaces that are nobody's here. */
const spec = {
  typeUrl: "types.containerd.io/opencontainers/runtime-spec/1/Spec",
  value: new TextEncoder().encode('{ "ociVersion": "9.9", "vendor": {"limit": 18446744073709551615} }\n'),
};
const options = { typeUrl: "containerd.runc.v1.Options", value: new Uint8Array([0x0a, 0x00, 0xff]) };

test("a container is kept with all its fields, and specification and options to the byte, over a restart", async () => {
  await using root = await tempDir();
  const given = container({
    labels: { app: "shop" },
    image: "docker.io/library/nginx:1",
    runtime: { name: "io.containerd.runc.v2", options },
    spec,
    snapshotter: "overlayfs",
    snapshotKey: "web-rootfs",
    extensions: { "com.example.note": { typeUrl: "example/Note", value: new Uint8Array([1, 2]) } },
    sandboxId: "pod",
  });
  {
    await using open = await opened(root.path);
    const { containers } = open.store.inNamespace("moby");
    const created = await containers.create(given);
    assert.equal(created.updatedAtNs, created.createdAtNs);
    assert.deepEqual(containers.get("web"), created);
  }
  await using open = await opened(root.path);
  const { createdAtNs, updatedAtNs, ...kept } = open.store.inNamespace("moby").containers.get("web");
  assert.deepEqual(kept, given);
  assert.ok(createdAtNs > 0n && updatedAtNs === createdAtNs);
});

test("an id is taken once in a namespace, and free in every other", async () => {
  await using root = await tempDir();
  await using open = await opened(root.path);
  const [moby, cri] = ["moby", "k8s.io"].map((name) => open.store.inNamespace(name).containers);
  await moby?.create(container({ image: "one" }));
  await cri?.create(container({ image: "other" }));
  assert.deepEqual([moby?.get("web").image, cri?.get("web").image], ["one", "other"]);
  await assert.rejects(moby?.create(container()) ?? assert.fail(), {
    name: "ContainersError",
    code: "AlreadyExists",
    message: /container web already exists in namespace moby/,
  });
  const races = await Promise.allSettled([1, 2, 3].map(() => cri?.create(container({ id: "raced" }))));
  assert.deepEqual(races.map(({ status }) => status).sort(), ["fulfilled", "rejected", "rejected"]);
  await moby?.delete("web");
  assert.deepEqual([moby?.list(), cri?.list().length], [[], 2]);
});

test("an update changes the fields that it names and no other, and none is lost when several come at once", async () => {
  await using root = await tempDir();
  await using open = await opened(root.path);
  const { containers } = open.store.inNamespace("moby");
  const before = await containers.create(container({ labels: { a: "1", b: "2" }, image: "old", spec }));
  const names = ["c", "d", "e"];
  await Promise.all([
    containers.update("web", () => ({ image: "new" })),
    ...names.map((name) =>
      containers.update("web", ({ labels }) => ({ labels: updateLabels(labels, { [name]: "3", b: "" }) })),
    ),
  ]);
  const { updatedAtNs, ...after } = containers.get("web");
  const { updatedAtNs: createdAtNs, ...unchanged } = before;
  assert.deepEqual(after, { ...unchanged, image: "new", labels: { a: "1", c: "3", d: "3", e: "3" } });
  assert.ok(updatedAtNs > createdAtNs);
});

test("what is no container is refused, and changes nothing", async () => {
  await using root = await tempDir();
  await using open = await opened(root.path);
  const { containers } = open.store.inNamespace("moby");
  const note = { typeUrl: "example/Note", value: new Uint8Array() };
  const wrong: readonly Partial<NewContainer>[] = [
    { id: "" },
    { id: "../web" },
    { id: "x".repeat(77) },
    { runtime: { name: "" } },
    { snapshotKey: "web" },
    { extensions: { "": note } },
    { labels: { key: "v".repeat(4094) } },
  ];
  for (const fields of wrong)
    await assert.rejects(containers.create(container(fields)), { code: "InvalidArgument" });
  assert.deepEqual(containers.list(), []);
  const created = await containers.create(container());
  await assert.rejects(
    containers.update("web", () => ({ snapshotKey: "web" })),
    { code: "InvalidArgument", message: /"web" has a snapshot but no snapshotter/ },
  );
  assert.deepEqual(containers.get("web"), created);
});

test("what is not there can be neither changed nor deleted", async () => {
  await using root = await tempDir();
  await using open = await opened(root.path);
  const { containers } = open.store.inNamespace("moby");
  assert.equal(containers.find("web"), undefined);
  const notFound = {
    name: "ContainersError",
    code: "NotFound",
    message: /"web" not found in namespace moby/,
  };
  assert.throws(() => containers.get("web"), notFound);
  await assert.rejects(
    containers.update("web", () => ({})),
    notFound,
  );
  await assert.rejects(containers.delete("web"), notFound);
});

test("each change is published in its namespace, in the order of commits, and nothing that fails", async () => {
  await using root = await tempDir();
  await using open = await opened(root.path);
  const { events, database } = open;
  const { containers } = open.store.inNamespace("moby");
  await open.store.inNamespace("k8s.io").containers.create(container());
  await containers.create(container({ image: "old" }));
  await assert.rejects(containers.create(container()), { code: "AlreadyExists" });
  await Promise.all([
    containers.update("web", () => ({ image: "new", labels: { a: "1" } })),
    containers.delete("web"),
    containers.create(container({ id: "db" })),
  ]);
  await assert.rejects(
    containers.update("web", () => ({})),
    { code: "NotFound" },
  );
  await database[Symbol.asyncDispose]();
  await assert.rejects(containers.delete("db"), { code: "Unavailable" });
  assert.deepEqual(events.take(), [
    ["/containers/create", "k8s.io", { id: "web", image: "", runtime: { name: "crun" }, extensions: [] }],
    ["/containers/create", "moby", { id: "web", image: "old", runtime: { name: "crun" }, extensions: [] }],
    ["/containers/update", "moby", { id: "web", image: "new", labels: { a: "1" }, snapshotKey: "" }],
    ["/containers/create", "moby", { id: "db", image: "", runtime: { name: "crun" }, extensions: [] }],
    ["/containers/delete", "moby", { id: "web" }],
  ]);
});

test("a listener finds the record as the event says", async () => {
  await using root = await tempDir();
  await using open = await opened(root.path);
  const { containers } = open.store.inNamespace("moby");
  const seen: unknown[] = [];
  open.events.subscribe(new AbortController().signal, ({ topic }) => {
    seen.push([topic, containers.find("web")?.image]);
    return undefined;
  });
  await containers.create(container({ image: "old" }));
  await containers.update("web", () => ({ image: "new" }));
  await containers.delete("web");
  assert.deepEqual(seen, [
    ["/containers/create", "old"],
    ["/containers/update", "new"],
    ["/containers/delete", undefined],
  ]);
});

test("sandboxes are kept like containers, and apart from them", async () => {
  await using root = await tempDir();
  await using open = await opened(root.path);
  const { containers, sandboxes } = open.store.inNamespace("moby");
  const given = { id: "web", labels: {}, runtime: { name: "kata" }, sandboxer: "shim", extensions: {} };
  await sandboxes.create(given);
  const { createdAtNs: _, updatedAtNs: _2, ...kept } = sandboxes.get("web");
  assert.deepEqual(kept, given);
  assert.deepEqual(containers.list(), []);
  await assert.rejects(sandboxes.create({ ...given, runtime: { name: "" } }), { code: "InvalidArgument" });
  await sandboxes.delete("web");
  assert.deepEqual(sandboxes.list(), []);
});
