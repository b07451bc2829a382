import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { Labels } from "../../ground/labels/index.ts";
import { createLogger } from "../../ground/logging/index.ts";
import { openDatabase } from "../../ground/metadata/index.ts";
import { type Digest, digestOf } from "../../parts/oci/index.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { ServiceEvents } from "../events/index.ts";
import type { LeaseResource } from "../leases/index.ts";
import { Storage } from "./index.ts";

const mediaType = "application/vnd.oci.image.manifest.v1+json";
const past = { "containerd.io/gc.expire": "2001-01-01T00:00:00Z" };
const future = { "containerd.io/gc.expire": "2999-01-01T00:00:00Z" };

/** A namespace whose images have blobs that are their names. */
async function opened() {
  await using stack = new AsyncDisposableStack();
  const { path: root } = stack.use(await tempDir());
  const database = stack.use(await openDatabase({ path: join(root, "metadata.db") }));
  const logger = createLogger({ level: "silent", format: "json" });
  const options = { root, database, events: new ServiceEvents(), logger, gcDelayMs: 0 };
  const storage = stack.use(await Storage.open(options));
  const { content, imageNames, containers, leases, garbage } = await storage.inNamespace("default");
  const blob = async (text: string, labels: Labels = {}): Promise<Digest> => {
    const bytes = Buffer.from(text);
    const digest = digestOf(bytes);
    await content.put(bytes, { digest, labels });
    return digest;
  };
  const image = async (name: string, labels: Labels, ofBlob: Labels = {}) => {
    const target = { mediaType, digest: await blob(name, ofBlob), size: name.length };
    await imageNames.create({ name, target, labels });
  };
  const held = stack.move();
  return {
    blob,
    image,
    imageNames,
    containers,
    leases,
    lease: async (resource: LeaseResource, labels: Labels = {}) => {
      const { id } = await leases.create({ labels });
      await leases.addResources(id, [resource]);
      return id;
    },
    /** The images and blobs that a collection leaves. */
    async left(...texts: readonly string[]) {
      await garbage.collectNow();
      return {
        images: imageNames.list().map(({ name }) => name),
        blobs: texts.filter((text) => content.has(digestOf(Buffer.from(text)))),
      };
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

test("an image goes with what it alone held once its time has come, and not before", async () => {
  await using stores = await opened();
  await stores.image("over", past);
  await stores.image("to come", future);
  await stores.image("no time", { "containerd.io/gc.expire": "soon 1" });
  assert.deepEqual(await stores.left("over", "to come", "no time"), {
    images: ["no time", "to come"],
    blobs: ["to come", "no time"],
  });
});

test("an image whose time has come is held by a lease, and by what refers to it", async () => {
  await using stores = await opened();
  await stores.image("leased", past, { "containerd.io/gc.ref.content": await stores.blob("layer") });
  await stores.image("referred to", past);
  await stores.image("root", { "containerd.io/gc.ref.image.base": "referred to" });
  await stores.image("attached", { ...past, "containerd.io/gc.bref.image.root": "root" });
  await stores.image("attached to nothing", { ...past, "containerd.io/gc.bref.image": "absent" });
  const id = await stores.lease({ kind: "image", name: "leased" });
  const texts = ["leased", "layer", "referred to", "root", "attached", "attached to nothing"];
  assert.deepEqual(await stores.left(...texts), {
    images: ["attached", "leased", "referred to", "root"],
    blobs: ["leased", "layer", "referred to", "root", "attached"],
  });
  await stores.leases.delete(id);
  await stores.imageNames.delete(["root"]);
  assert.deepEqual(await stores.left(...texts), { images: [], blobs: [] });
});

test("a flat lease holds what is in it, and nothing that this refers to", async () => {
  await using stores = await opened();
  const labels = { "containerd.io/gc.ref.content": await stores.blob("layer") };
  await stores.image("flat", past, labels);
  const id = await stores.lease({ kind: "image", name: "flat" }, { "containerd.io/gc.flat": "yes" });
  const digest = await stores.blob("manifest", {
    "containerd.io/gc.ref.content": await stores.blob("config"),
  });
  await stores.leases.addResources(id, [{ kind: "content", digest }]);
  assert.deepEqual(await stores.left("flat", "layer", "manifest", "config"), {
    images: ["flat"],
    blobs: ["flat", "manifest"],
  });
});

test("a blob is held by what its labels attach it to, as long as that is there", async () => {
  await using stores = await opened();
  const attached = (kind: string, to: string) => stores.blob(kind, { [`containerd.io/gc.bref.${kind}`]: to });
  await stores.image("image", {});
  const digest = await stores.blob("root", { "containerd.io/gc.root": "test" });
  await attached("image.a", "image");
  await attached("content", digest);
  await attached("container", "absent");
  assert.deepEqual(await stores.left("image.a", "content", "container"), {
    images: ["image"],
    blobs: ["image.a", "content"],
  });
  await stores.imageNames.delete(["image"]);
  assert.deepEqual((await stores.left("image.a", "content")).blobs, ["content"]);
});
