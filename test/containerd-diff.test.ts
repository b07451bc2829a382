import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { status } from "@grpc/grpc-js";
import { unmount } from "../src/ground/linux/index.ts";
import { containerd } from "../src/ground/protocol/index.ts";
import { tarOf } from "../src/testing/images.ts";
import { tempDir } from "../src/testing/temp-dir.ts";
import { writeBlob } from "./support/containerd.ts";
import { withContainerd } from "./support/with-containerd.ts";

const run = promisify(execFile);
const { Descriptor } = containerd.types;
const gzipLayer = "application/vnd.oci.image.layer.v1.tar+gzip";
const digestOf = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

describe("containerd's API of diffs", () => {
  const host = withContainerd();

  async function layer(namespace: string, entries: Parameters<typeof tarOf>[0]) {
    const tar = await tarOf(entries);
    const bytes = gzipSync(tar);
    const digest = await writeBlob(host.clients, namespace, bytes);
    return {
      tar: { digest: digestOf(tar), size: BigInt(tar.length) },
      diff: Descriptor.fromPartial({ mediaType: gzipLayer, digest, size: BigInt(bytes.length) }),
    };
  }

  /** Applies a layer as clients of containerd unpack an image's, in a namespace of the snapshotter's name. */
  async function unpack(
    snapshotter: string,
    name: string,
    parent: string,
    { diff, tar }: Awaited<ReturnType<typeof layer>>,
  ) {
    const { snapshots, diff: differ } = host.clients.in(snapshotter);
    const key = `extract ${name}`;
    const { mounts } = await snapshots.prepare({ snapshotter, key, parent, labels: {} });
    const { applied } = await differ.apply({ diff, mounts, payloads: {}, syncFs: true });
    assert.deepEqual([applied?.digest, applied?.size], [tar.digest, tar.size]);
    assert.equal(applied?.mediaType, "application/vnd.oci.image.layer.v1.tar");
    await snapshots.commit({ snapshotter, name, key, labels: {}, parent: "" });
  }

  for (const snapshotter of ["overlayfs", "native"]) {
    test(`layers are applied to snapshots of ${snapshotter}, with what they delete`, async () => {
      await using directory = await tempDir();
      const bottom = await layer(snapshotter, [
        { name: "etc/", type: "directory", mode: 0o750 },
        { name: "etc/gone", content: "1" },
        { name: "etc/kept", content: "2" },
        { name: "var/", type: "directory" },
        { name: "var/gone", content: "3" },
      ]);
      const top = await layer(snapshotter, [
        { name: "etc/.wh.gone" },
        { name: "etc/new", content: "4" },
        { name: "var/", type: "directory" },
        { name: "var/.wh..wh..opq" },
      ]);
      await unpack(snapshotter, "bottom", "", bottom);
      await unpack(snapshotter, "top", "bottom", top);
      const { snapshots } = host.clients.in(snapshotter);
      const { mounts } = await snapshots.view({ snapshotter, key: "look", parent: "top", labels: {} });
      const [{ type, source, options }] = mounts as [containerd.types.Mount];
      const tree = join(directory.path, "tree");
      await mkdir(tree);
      await run("mount", ["-t", type, "-o", options.join(","), source, tree]);
      await using _mount = { [Symbol.asyncDispose]: () => unmount(tree) };
      assert.deepEqual((await readdir(join(tree, "etc"))).sort(), ["kept", "new"]);
      assert.equal((await stat(join(tree, "etc"))).mode & 0o777, 0o750);
      assert.deepEqual(await readdir(join(tree, "var")), []);
    });
  }

  test("a layer that is not here, or is no layer, or has nowhere to go is refused, and nothing is written", async () => {
    await using directory = await tempDir();
    const { diff: differ } = host.clients.in("diff");
    const { diff } = await layer("diff", [{ name: "file", content: "1" }]);
    const source = join(directory.path, "target");
    await mkdir(source);
    const bind = { type: "bind", source, target: "", options: ["rbind", "rw"] };
    const refused = (code: status, given: Partial<containerd.diffV1.ApplyRequest>, details: RegExp) =>
      assert.rejects(differ.apply({ diff, mounts: [bind], payloads: {}, syncFs: false, ...given }), {
        code,
        details,
      });
    const { UNIMPLEMENTED, NOT_FOUND, INVALID_ARGUMENT, DATA_LOSS } = status;
    await refused(NOT_FOUND, { diff: { ...diff, digest: digestOf(Buffer.from("absent")) } }, /not found$/);
    await refused(UNIMPLEMENTED, { diff: { ...diff, mediaType: "text/plain" } }, /"text\/plain"/);
    await refused(INVALID_ARGUMENT, { diff: undefined }, /diff: must be set/);
    await refused(INVALID_ARGUMENT, { mounts: [] }, /mounts: give one/);
    await refused(INVALID_ARGUMENT, { mounts: [{ ...bind, options: ["rbind", "ro"] }] }, /read-only/);
    await refused(INVALID_ARGUMENT, { mounts: [{ ...bind, source: "target" }] }, /absolute path/);
    await refused(UNIMPLEMENTED, { mounts: [bind, bind] }, /give one/);
    await refused(UNIMPLEMENTED, { mounts: [{ ...bind, type: "tmpfs", options: [] }] }, /"tmpfs"/);
    const overlay = { type: "overlay", source: "overlay", target: "", options: ["lowerdir=/a:/b"] };
    await refused(INVALID_ARGUMENT, { mounts: [overlay] }, /without upperdir/);
    assert.deepEqual(await readdir(source), []);
    const blob = join(host.berth.root, "content/blobs/sha256", diff.digest.slice("sha256:".length));
    await writeFile(blob, gzipSync("damaged"));
    await refused(DATA_LOSS, {}, /data loss$/);
  });
});
