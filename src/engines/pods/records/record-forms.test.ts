import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { createLogger } from "../../../ground/logging/index.ts";
import { commonContainerRecords } from "../../../ground/metadata/common-container-records.ts";
import { decode, encode, openDatabase } from "../../../ground/metadata/index.ts";
import { migrations } from "../../../ground/metadata/migrations.ts";
import { ContainerConfig, PodSandboxConfig } from "../../../ground/protocol/index.ts";
import { parseDigest } from "../../../parts/oci/index.ts";
import { ContainerStore } from "../../../services/containers/index.ts";
import { ServiceEvents } from "../../../services/events/index.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import { containerRecords, sandboxRecords } from "./record-forms.ts";
import type { NotYetCreated } from "./record-store.ts";
import type { ContainerRecord } from "./records.ts";

async function opened(path: string, namespace = "k8s.io") {
  const database = await openDatabase({ path });
  const common = (await ContainerStore.open(database, new ServiceEvents())).inNamespace(namespace);
  return {
    common,
    containers: containerRecords(common.containers, "overlayfs", logger),
    sandboxes: sandboxRecords(common.sandboxes, logger),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

const logger = createLogger({ level: "silent", format: "json" });
const [podId, containerId] = ["aa".repeat(32), "bb".repeat(32)];
const imageId = `sha256:${"cc".repeat(32)}`;

function drafted(fields: Partial<ContainerRecord> = {}): NotYetCreated<ContainerRecord> {
  return {
    id: containerId,
    sandboxId: podId,
    config: ContainerConfig.fromPartial({ metadata: { name: "main" }, labels: { app: "shop" } }),
    imageId: parseDigest(imageId),
    imageRef: "docker.io/library/nginx@sha256:dd",
    imageName: "docker.io/library/nginx:1",
    runtime: "crun",
    phase: { kind: "creating" },
    logPath: "/var/log/pods/main.log",
    user: { uid: 0, gid: 0, supplementalGroups: [] },
    stopSignal: 15,
    resources: undefined,
    ...fields,
  };
}

/** As it comes back from disk: what is undefined is left out. */
function stored<T>(value: T): T {
  return decode(encode(value)) as T;
}

test("a container of CRI's is one that any client of containers knows, with what is CRI's in an extension", async () => {
  await using root = await tempDir();
  const path = join(root.path, "metadata.db");
  let saved: ContainerRecord;
  {
    await using open = await opened(path);
    const created = await open.containers.create(drafted());
    const phase = { kind: "started", atNs: 1_800_000_000_000_000_001n } as const;
    saved = await open.containers.save({ ...created, phase });
    assert.equal(open.containers.find(containerId), saved);
    const { createdAtNs, updatedAtNs, extensions, ...common } = open.common.containers.get(containerId);
    assert.deepEqual(common, {
      id: containerId,
      labels: { app: "shop", "io.cri-containerd.kind": "container" },
      image: "docker.io/library/nginx:1",
      runtime: { name: "crun" },
      snapshotter: "overlayfs",
      snapshotKey: containerId,
      sandboxId: podId,
    });
    assert.deepEqual(Object.keys(extensions), ["io.berth.cri.container"]);
    assert.ok(createdAtNs === saved.createdAtNs && updatedAtNs >= createdAtNs);
  }
  await using open = await opened(path);
  assert.deepEqual(open.containers.get(containerId.slice(0, 13)), stored(saved));
  await open.containers.delete(containerId);
  assert.deepEqual(open.common.containers.list(), []);
});

test("CRI keeps what another client has added to its container, and sees no other's", async () => {
  await using root = await tempDir();
  await using open = await opened(join(root.path, "metadata.db"));
  const { containers } = open.common;
  const created = await open.containers.create(drafted());
  const note = { "com.example.note": { typeUrl: "example/Note", value: new Uint8Array([1]) } };
  await containers.update(containerId, ({ extensions, labels }) => ({
    labels: { ...labels, seen: "yes" },
    extensions: { ...extensions, ...note },
  }));
  await open.containers.save({ ...created, phase: { kind: "created" } });
  const { labels, extensions } = containers.get(containerId);
  assert.equal(labels.seen, "yes");
  assert.deepEqual(extensions["com.example.note"], note["com.example.note"]);
  const { createdAtNs: _, updatedAtNs: _2, extensions: _3, ...others } = containers.get(containerId);
  await containers.create({ ...others, id: "bb", extensions: {} });
  assert.deepEqual(
    open.containers.list().map(({ id }) => id),
    [containerId],
  );
  assert.equal(open.containers.find("bb"), undefined);
  assert.ok(open.containers.isKnown("bb"));
});

test("what is written in place of CRI's part is no record, and hides no other", async () => {
  await using root = await tempDir();
  await using open = await opened(join(root.path, "metadata.db"));
  await open.containers.create(drafted());
  const others = ["cc", "dd", "ee"].map((digits) => digits.repeat(32));
  const written = ["{", "null", '{"config":{"labels":{}}}'];
  for (const [index, id] of others.entries()) {
    await open.containers.create(drafted({ id }));
    const value = new TextEncoder().encode(written[index] ?? "");
    const extensions = { "io.berth.cri.container": { typeUrl: "x", value } };
    await open.common.containers.update(id, () => ({ extensions }));
  }
  assert.deepEqual(
    open.containers.list().map(({ id }) => id),
    [containerId],
  );
  assert.deepEqual(
    open.containers.unreadable().map(({ id, sandboxId }) => [id, sandboxId]),
    others.map((id) => [id, podId]),
  );
  assert.equal(open.containers.find(others[0] ?? ""), undefined);
  assert.throws(() => open.containers.get(others[0] ?? ""), { code: "DataLoss", message: /cc.*remove it/ });
});

test("a label that no other client could give is CRI's alone", async () => {
  await using root = await tempDir();
  await using open = await opened(join(root.path, "metadata.db"));
  const config = ContainerConfig.fromPartial({ labels: { app: "shop", long: "x".repeat(5000) } });
  await open.containers.create(drafted({ config }));
  assert.equal(open.containers.get(containerId).config.labels.long?.length, 5000);
  assert.deepEqual(Object.keys(open.common.containers.get(containerId).labels).sort(), [
    "app",
    "io.cri-containerd.kind",
  ]);
});

/** Rows as the schema before wrote them: int64 in a tag, what is undefined left out. */
const time = { $bigint: "1800000000000000001" };
const oldContainer = {
  id: containerId,
  sandboxId: podId,
  config: stored(drafted().config),
  imageId,
  imageRef: "docker.io/library/nginx@sha256:dd",
  createdAtNs: time,
  phase: { kind: "started", atNs: { $bigint: "1800000000000000002" } },
  logPath: "/var/log/pods/main.log",
  user: { uid: 1000, gid: 1000, supplementalGroups: [4] },
  stopSignal: 15,
};
const oldSandbox = {
  id: podId,
  config: { metadata: { name: "pod", uid: "u", namespace: "default", attempt: 0 }, labels: {} },
  handler: "",
  resolvedHandler: "runc",
  createdAtNs: time,
  phase: "ready",
  ips: ["10.0.0.2"],
};

/** A database as it was before the records had common fields. */
function writeOldDatabase(
  path: string,
  rows: readonly (readonly [table: string, key: string, value: object])[],
) {
  const db = new DatabaseSync(path);
  const version = migrations.indexOf(commonContainerRecords);
  for (const step of migrations.slice(0, version)) typeof step === "string" ? db.exec(step) : step(db);
  db.exec(`PRAGMA user_version = ${version}`);
  for (const [table, key, value] of rows)
    db.prepare(`INSERT INTO ${table} VALUES ('k8s.io', ?, ?)`).run(key, JSON.stringify(value));
  db.close();
}

test("containers and pods that an older berth recorded are there after an update, with all that it knew of them", async () => {
  await using root = await tempDir();
  const path = join(root.path, "metadata.db");
  writeOldDatabase(path, [
    ["sandboxes", podId, oldSandbox],
    ["containers", containerId, oldContainer],
    ["containers", "ee".repeat(32), { ...oldContainer, id: "ee".repeat(32), sandboxId: "gone" }],
    ["snapshots", `native/${containerId}`, { id: 1, kind: "active", createdAtNs: time, labels: {} }],
  ]);
  await using open = await opened(path);
  const createdAtNs = 1_800_000_000_000_000_001n;
  const expected = drafted({ runtime: "runc", imageName: oldContainer.imageRef });
  assert.deepEqual(open.containers.get(containerId), {
    ...stored(expected),
    createdAtNs,
    phase: { kind: "started", atNs: 1_800_000_000_000_000_002n },
    user: { uid: 1000, gid: 1000, supplementalGroups: [4] },
  });
  const { extensions: _, updatedAtNs: _2, ...common } = open.common.containers.get(containerId);
  assert.deepEqual(common, {
    id: containerId,
    labels: { app: "shop", "io.cri-containerd.kind": "container" },
    image: expected.imageRef,
    runtime: { name: "runc" },
    snapshotter: "native",
    snapshotKey: containerId,
    sandboxId: podId,
    createdAtNs,
  });
  assert.equal(open.containers.list().length, 2);
  const sandbox = open.sandboxes.get(podId);
  assert.deepEqual(sandbox, { ...oldSandbox, createdAtNs });
  assert.equal(open.common.sandboxes.get(podId).runtime.name, "runc");
  await open.sandboxes.save({ ...sandbox, phase: "stopped", config: PodSandboxConfig.fromPartial({}) });
  assert.equal(open.sandboxes.get(podId).phase, "stopped");
});

test("a record of the old schema that cannot be read is said by its name, and the database left as it is", async () => {
  await using root = await tempDir();
  const path = join(root.path, "metadata.db");
  writeOldDatabase(path, [["containers", containerId, { ...oldContainer, createdAtNs: { $unheard: 1 } }]]);
  for (let start = 0; start < 2; start++)
    await assert.rejects(openDatabase({ path }), {
      code: "DataLoss",
      message: new RegExp(`is damaged \\(containers record k8s.io/${containerId}: .*unknown tag \\$unheard`),
    });
});
