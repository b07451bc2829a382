import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { encode } from "../../ground/metadata/encoding.ts";
import { migrations } from "../../ground/metadata/migrations.ts";
import { digestOf } from "../../parts/oci/index.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { namespace, openStack } from "./testing/stack.ts";

/** The schema in which a record had what its name came to. */
const before = 4;

const digest = (text: string) => digestOf(Buffer.from(text));
const descriptor = (text: string) => ({
  mediaType: "application/x",
  digest: digest(text),
  size: text.length,
});

/** A record as it was then. */
function oldRecord(text: string, more: Readonly<Record<string, unknown>>) {
  return {
    id: digest(`config ${text}`),
    target: { ...descriptor(`index ${text}`), annotations: { "org.example/ünï": '\u0000 $ {"$x"}' } },
    manifest: descriptor(`manifest ${text}`),
    layers: [descriptor(`layer ${text}`)],
    config: {
      platform: { os: "linux", architecture: "amd64" },
      config: {
        user: text,
        exposedPorts: [],
        env: ["A=\\\"b'"],
        entrypoint: [],
        cmd: [],
        volumes: [],
        workingDir: "",
        labels: { $only: "one" },
        stopSignal: "",
      },
      diffIds: [digest(`diff ${text}`)],
    },
    chainId: digest(`diff ${text}`),
    sizeBytes: 12_345_678_901,
    ...more,
  };
}

function oldDatabase(path: string, records: readonly (readonly [name: string, record: unknown])[]): void {
  const db = new DatabaseSync(path);
  for (const [index, step] of migrations.slice(0, before).entries()) {
    if (typeof step === "string") db.exec(step);
    db.prepare("INSERT INTO schema_versions VALUES (?, 'berth 0', '2026-11-01')").run(index + 1);
  }
  db.exec(`PRAGMA user_version = ${before}`);
  const insert = db.prepare("INSERT INTO images VALUES (?, ?, ?)");
  for (const [name, record] of records) insert.run(namespace, name, encode(record));
  db.close();
}

test("images, pins, labels and times survive the migration of a database in which names were resolved images", async () => {
  await using root = await tempDir();
  const createdAtNs = 1_700_000_000_123_456_789n;
  const pinned = { "io.cri-containerd.pinned": "pinned", $a: "1" };
  const one = oldRecord("1", { createdAtNs, labels: pinned });
  const two = oldRecord("2", { createdAtNs: 2n, chainId: null, checkpoint: true });
  oldDatabase(join(root.path, "metadata.db"), [
    ["example.test/a:1", one],
    [`example.test/a@${one.target.digest}`, oldRecord("1", { createdAtNs, labels: { $sole: "2" } })],
    [two.id, two],
  ]);
  await using stack = await openStack({ root: root.path });
  const common = { repoTags: [], repoDigests: [], pinned: false, checkpoint: false };
  const { target, ...first } = oldRecord("1", {});
  const { target: targetOfTwo, ...second } = oldRecord("2", {});
  assert.deepEqual(
    stack.images.list().toSorted((a, b) => (a.config.config.user < b.config.config.user ? -1 : 1)),
    [
      {
        ...common,
        ...first,
        repoTags: ["example.test/a:1"],
        repoDigests: [`example.test/a@${target.digest}`],
        pinned: true,
      },
      { ...common, ...second, chainId: undefined, checkpoint: true },
    ],
  );
  const times = { createdAtNs, updatedAtNs: createdAtNs };
  assert.deepEqual(stack.imageNames.list(), [
    { name: "example.test/a:1", target, labels: pinned, ...times },
    { name: `example.test/a@${target.digest}`, target, labels: { $sole: "2" }, ...times },
    { name: two.id, target: targetOfTwo, labels: {}, createdAtNs: 2n, updatedAtNs: 2n },
  ]);
});
