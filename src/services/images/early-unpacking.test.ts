import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { ignoreMissing } from "../../ground/fs/index.ts";
import { startFakeRegistry } from "../../testing/fake-registry.ts";
import { imageOf } from "../../testing/images.ts";
import { until } from "../../testing/until.ts";
import { openStack } from "./testing/stack.ts";

/** Cannot be compressed, so that the first half of the layer holds the first of the two. */
const contents = [randomBytes(1_500_000), randomBytes(1_500_000)] as const;
const [first, second] = contents;

/** Paths of all files below a directory, which comes with the first snapshot. */
async function filesBelow(directory: string): Promise<readonly string[]> {
  const entries =
    (await readdir(directory, { recursive: true, withFileTypes: true }).catch(ignoreMissing)) ?? [];
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** Whether a file that the snapshotter has made holds what the layer begins with. */
const hasBegun = {
  overlayfs: async (root: string): Promise<boolean> => {
    const file = (await filesBelow(root)).find((path) => path.endsWith("/fs/first"));
    return file !== undefined && (await readFile(file)).equals(first);
  },
  erofs: async (root: string): Promise<boolean> => {
    const archive = (await filesBelow(root)).find((path) => /\/\d+\/[^/]+\/archive.tar$/.test(path));
    return archive !== undefined && (await stat(archive)).size > first.length;
  },
} as const;

for (const kind of ["overlayfs", "erofs"] as const) {
  for (const compression of ["gzip", "zstd", "none"] as const) {
    test(`${kind} has the first files of a layer (${compression}) before the registry has sent the rest`, async () => {
      const layers = [
        [
          { name: "first", content: first },
          { name: "second", content: second },
        ],
      ];
      const image = await imageOf({ layers, compression });
      const layer = [...image.blobs.values()].find(({ bytes }) => bytes.length > first.length);
      assert.ok(layer);
      const half = Math.ceil(layer.bytes.length / 2) + 100_000;
      const isWanted = Promise.withResolvers<void>();
      let isWhole = false;
      await using server = await startFakeRegistry({ "app:v1": image }, async (request, response) => {
        const isLayer = [...image.blobs].some(
          ([digest, blob]) => blob === layer && request.url?.includes(digest) === true,
        );
        if (!isLayer) return false;
        response.writeHead(200, { "content-length": layer.bytes.length });
        response.write(layer.bytes.subarray(0, half));
        await isWanted.promise;
        isWhole = true;
        response.end(layer.bytes.subarray(half));
        return true;
      });
      await using stack = await openStack({ kind });
      const pulled = stack.images.pull({ reference: `${server.host}/app:v1` });
      pulled.catch(() => undefined);
      try {
        await until(() => hasBegun[kind](stack.snapshotter.root));
        assert.equal(isWhole, false);
      } finally {
        isWanted.resolve();
      }
      await stack.inRootfs(await pulled, async (root) =>
        assert.ok((await readFile(join(root, "second"))).equals(second)),
      );
    });
  }
}
