import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { BerthError, codeOf } from "../../ground/errors/index.ts";
import { type Descriptor, type Digest, digestOf, mediaType } from "../../parts/oci/index.ts";
import {
  imageOf,
  indexOf,
  type TestBlob,
  type TestEntry,
  type TestImage,
  tarOf,
} from "../../testing/images.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { planImage } from "./resolve-image.ts";
import { openStack } from "./testing/stack.ts";

const platform = { os: "linux", architecture: "amd64" };
const documents = 960;
/** In each form. */
const archives = 20;

/** mulberry32: the same numbers in [0, 1) for a seed, everywhere. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Bytes that are flipped, cut off, doubled or taken out, as files and networks damage them. */
function damaged(bytes: Uint8Array, random: () => number): Buffer {
  const [from, to] = [random(), random()]
    .map((at) => Math.floor(at * bytes.length))
    .toSorted((a, b) => a - b);
  const [head, part, rest] = [bytes.subarray(0, from), bytes.subarray(from, to), bytes.subarray(to)];
  const ways = [
    () => Buffer.from(bytes).fill(Math.floor(random() * 256), from, Math.min(from ?? 0, bytes.length) + 1),
    () => Buffer.from(head),
    () => Buffer.concat([head, part, part, rest]),
    () => Buffer.concat([head, rest]),
  ];
  return ways[Math.floor(random() * ways.length)]?.() ?? Buffer.from(bytes);
}

const strange: readonly unknown[] = [
  null,
  -1,
  1e300,
  "",
  "sha256:x",
  `sha512:${"0".repeat(64)}`,
  [],
  {},
  [[]],
  true,
  "application/vnd.oci.image.layer.v1.tar+encrypted",
  "../../etc/passwd",
  "__proto__",
];

/** JSON in which one value, chosen by chance, is another one; what its maker may have meant badly. */
function replaced(bytes: Uint8Array, random: () => number): Buffer {
  const root = { value: JSON.parse(Buffer.from(bytes).toString("utf8")) };
  const places: (readonly [Record<string, unknown>, string])[] = [];
  const walk = (parent: Record<string, unknown>): void => {
    for (const key of Object.keys(parent)) {
      places.push([parent, key]);
      const child = parent[key];
      if (typeof child === "object" && child !== null) walk(child as Record<string, unknown>);
    }
  };
  walk(root);
  const [parent, key] = places[Math.floor(random() * places.length)] ?? [root, "value"];
  Object.assign(parent, { [key]: strange[Math.floor(random() * strange.length)] });
  return Buffer.from(JSON.stringify(root.value) ?? "");
}

/** An error that a caller can act on, not a programming error. */
function assertRefusal(error: unknown, seed: number): void {
  assert.ok(error instanceof BerthError, `seed ${seed}: ${error instanceof Error ? error.stack : error}`);
  assert.notEqual(codeOf(error), "Internal", `seed ${seed}: ${error.message}`);
}

test(`${documents} mutated indexes, manifests and configurations fail or are pulled as they say`, async () => {
  const image = await imageOf({ platform });
  const index = indexOf([[image, platform]]);
  const levels = [
    index.target.digest,
    image.target.digest,
    [...image.blobs].find(([, { mediaType: type }]) => type === mediaType.ociConfig)?.[0],
  ].filter((digest) => digest !== undefined);
  let taken = 0;
  for (let seed = 1; seed <= documents; seed++) {
    const random = numbers(seed);
    const level = Math.floor(random() * levels.length);
    const blobs = new Map<Digest, TestBlob>(index.blobs);
    // What refers to it is changed with it: digests that do not fit are another test's.
    let [before, target]: [Digest | undefined, Descriptor] = [undefined, index.target];
    for (let at = level; at >= 0; at--) {
      const digest = levels[at] as Digest;
      const { bytes, mediaType: type } = index.blobs.get(digest) as TestBlob;
      const changed: Buffer =
        before === undefined
          ? (random() < 0.3 ? damaged : replaced)(bytes, random)
          : Buffer.from(
              Buffer.from(bytes)
                .toString("utf8")
                .replace(before, target.digest)
                .replace(
                  `"digest":"${target.digest}","size":${index.blobs.get(before)?.bytes.length}`,
                  `"digest":"${target.digest}","size":${target.size}`,
                ),
            );
      target = { mediaType: type, digest: digestOf(changed), size: changed.length };
      blobs.set(target.digest, { mediaType: type, bytes: changed });
      before = digest;
    }
    const read = async ({ digest }: Descriptor): Promise<Uint8Array> => {
      const found = blobs.get(digest);
      if (found === undefined) throw new BerthError("NotFound", `${digest}: no such blob`);
      return found.bytes;
    };
    try {
      const plan = await planImage(target, read, platform);
      assert.equal(digestOf(plan.configBytes), plan.selected.manifest.config.digest, `seed ${seed}`);
      assert.equal(plan.layers.length, plan.config.diffIds.length, `seed ${seed}`);
      taken++;
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      assertRefusal(error, seed);
    }
  }
  assert.ok(taken > 0 && taken < documents, `${taken} were taken`);
});

/** The parts of an archive of the image, an OCI layout or Docker's. */
function partsOf(image: TestImage, form: "oci" | "docker"): readonly TestEntry[] {
  const blobs = [...image.blobs].map(([digest, { bytes }]) => ({
    name: `blobs/sha256/${digest.slice("sha256:".length)}`,
    content: bytes,
  }));
  const nameOf = (wanted: string): string | undefined => {
    const found = [...image.blobs.values()].findIndex(({ mediaType: type }) => type === wanted);
    return blobs[found]?.name;
  };
  if (form === "oci") {
    const manifests = [{ ...image.target, annotations: { "org.opencontainers.image.ref.name": "a:1" } }];
    return [
      { name: "oci-layout", content: JSON.stringify({ imageLayoutVersion: "1.0.0" }) },
      { name: "index.json", content: JSON.stringify({ schemaVersion: 2, manifests }) },
      ...blobs,
    ];
  }
  const [Config, layer] = [nameOf(mediaType.ociConfig), nameOf(mediaType.ociLayer)];
  const list = [{ Config, RepoTags: ["a:1"], Layers: [layer] }];
  return [...blobs, { name: "manifest.json", content: JSON.stringify(list) }];
}

for (const form of ["oci", "docker"] as const)
  test(`${archives} damaged archives fail or yield the right image, in the format ${form}`, async () => {
    await using directory = await tempDir();
    await using stack = await openStack({ platform });
    const archive = await tarOf(partsOf(await imageOf({ platform, compression: "none" }), form));
    const path = join(directory.path, "archive.tar");
    await writeFile(path, archive);
    const [whole] = await stack.images.importArchive(path);
    assert.ok(whole !== undefined);
    for (let seed = 1; seed <= archives; seed++) {
      await writeFile(path, damaged(archive, numbers(seed)));
      try {
        for (const { id } of await stack.images.importArchive(path))
          assert.equal(id, whole.id, `seed ${seed}`);
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        assertRefusal(error, seed);
      }
      for (const { id } of stack.images.list()) await stack.images.remove(id);
      await stack.images.collectGarbage();
      assert.deepEqual([stack.content.list(), stack.snapshotter.list()], [[], []], `seed ${seed}`);
    }
  });
