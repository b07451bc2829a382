import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ImageSpec } from "../src/ground/protocol/index.ts";
import { isLayerType } from "../src/parts/oci/index.ts";
import { erofsLayer, imageWith } from "../src/testing/erofs-layers.ts";
import { startFakeRegistry } from "../src/testing/fake-registry.ts";
import type { TestImage } from "../src/testing/images.ts";
import { busyboxImage, busyboxTree } from "./support/busybox.ts";
import { eventually } from "./support/condition.ts";
import { CrashingBerth } from "./support/crashing-berth.ts";
import { execSync, TestPod } from "./support/pod.ts";

/** An image of busybox and a layer with the large file `big`. */
const archives = (content: string) =>
  busyboxImage({ layers: [[{ name: "big", content }]], compression: "none" });
const erofsImages = async (content: string) =>
  imageWith([
    await erofsLayer(busyboxTree),
    await erofsLayer((directory) => writeFile(join(directory, "big"), content)),
  ]);
const cases = [
  { snapshotter: "overlayfs", form: "archives", make: archives },
  { snapshotter: "erofs", form: "archives", make: archives },
  { snapshotter: "erofs", form: "EROFS images", make: erofsImages },
];

for (const { snapshotter, form, make } of cases) {
  describe(`a daemon that is killed in the middle of a pull of ${form} into ${snapshotter}`, () => {
    it("shows no partial image or layer afterwards, and continues with the bytes that it has", async () => {
      const content = randomBytes(8 * 2 ** 20).toString("base64");
      const image = await make(content);
      const [digest, { bytes }] = biggest(image);
      let stalls = true;
      await using registry = await startFakeRegistry({ "test/image:latest": image }, (request, response) => {
        if (!stalls || request.url?.includes(digest) !== true) return false;
        response.writeHead(200, { "content-length": bytes.length });
        response.write(bytes.subarray(0, bytes.length / 2));
        return true;
      });
      await using host = await CrashingBerth.start({ config: `[images]\nsnapshotter = "${snapshotter}"` });
      const { berth } = host;
      const ingests = join(berth.root, "content", "ingest");
      const reference = `${registry.host}/test/image:latest`;
      const failed = assert.rejects(berth.pull(reference));
      const blobs = join(berth.root, "content", "blobs");
      const other = smallLayer(image, digest);
      const snapshots = join(berth.root, "snapshots", snapshotter, "k8s.io");
      await eventually("one layer is there, and half of the other", async () => {
        const oneIsThere = (await filesBelow(blobs)).some(({ path }) => path.endsWith(other));
        return oneIsThere && (await layers(snapshots)) === 2 && (await largest(ingests)) >= bytes.length / 4;
      });
      await berth.stopDaemon("SIGKILL");
      await failed;

      stalls = false;
      await berth.startDaemon();
      const { images } = berth.clients;
      assert.deepEqual((await images.listImages({ filter: undefined })).images, []);
      await eventually("the half layer is gone", async () => (await layers(snapshots)) <= 1);
      assert.ok((await largest(ingests)) >= bytes.length / 4);
      await berth.pull(reference);
      const resumed = registry.requests.filter(({ url }) => url.includes(digest)).at(-1)?.headers.range ?? "";
      assert.ok(Number(resumed.replace(/\D/g, "")) >= bytes.length / 4, resumed);

      const pod = await TestPod.run(berth, "pulled", { linux: { cgroupParent: host.cgroupParent } });
      const id = await pod.shell("main", reference, "exec sleep 1000");
      assert.equal(await execSync(berth, id, "wc", "-c", "/big"), `${content.length} /big\n`);
      await berth.clients.runtime.removePodSandbox({ podSandboxId: pod.id });
      await images.removeImage({ image: ImageSpec.fromPartial({ image: reference }) });
      await eventually("nothing is kept for the pull that was cut", async () => {
        return (await layers(snapshots)) === 0 && (await largest(blobs)) === 0;
      });
    });
  });
}

function biggest({ blobs }: TestImage) {
  const [digest, { bytes }] = [...blobs].reduce((a, b) => (a[1].bytes.length > b[1].bytes.length ? a : b));
  return [digest, { bytes: Buffer.from(bytes) }] as const;
}

/** The hexadecimal digest of the smaller of two layers. */
function smallLayer({ blobs }: TestImage, biggestDigest: string): string {
  const [digest = ""] =
    [...blobs].find(([key, { mediaType }]) => key !== biggestDigest && isLayerType(mediaType)) ?? [];
  return digest.replace("sha256:", "");
}

/** Number of layers, complete or not; each has a number. */
async function layers(snapshots: string): Promise<number> {
  return (await readdir(snapshots)).filter((name) => /^\d+$/.test(name)).length;
}

/** The size of the largest file below a directory. */
async function largest(directory: string): Promise<number> {
  return Math.max(0, ...(await filesBelow(directory)).map(({ size }) => size));
}

async function filesBelow(
  directory: string,
): Promise<readonly { readonly path: string; readonly size: number }[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  const paths = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  const sized = paths.map((path) =>
    stat(path).then(
      ({ size }) => [{ path, size }],
      () => [], // It was removed in the meantime.
    ),
  );
  return (await Promise.all(sized)).flat();
}
