import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readdir, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { status } from "@grpc/grpc-js";
import { unmount } from "../src/ground/linux/index.ts";
import { containerd } from "../src/ground/protocol/index.ts";
import { tarOf } from "../src/testing/images.ts";
import { tempDir } from "../src/testing/temp-dir.ts";
import { eventually } from "./support/condition.ts";
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

  /**
   * Applies a layer as containerd's clients unpack an image's, in a namespace with the snapshotter's name.
   */
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

  /** Mounts what a client would mount, while `use` runs. */
  async function mounted<T>(mounts: containerd.types.Mount[], use: (tree: string) => Promise<T>): Promise<T> {
    await using directory = await tempDir();
    const [{ type, source, options }] = mounts as [containerd.types.Mount];
    const tree = join(directory.path, "tree");
    await mkdir(tree);
    await run("mount", ["-t", type, "-o", options.join(","), source, tree]);
    await using _mount = { [Symbol.asyncDispose]: () => unmount(tree) };
    return await use(tree);
  }

  for (const snapshotter of ["overlayfs", "erofs", "native"]) {
    test(`layers are applied to snapshots of ${snapshotter}, including deletions`, async () => {
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
      await mounted(mounts, async (tree) => {
        assert.deepEqual((await readdir(join(tree, "etc"))).sort(), ["kept", "new"]);
        assert.equal((await stat(join(tree, "etc"))).mode & 0o777, 0o750);
        assert.deepEqual(await readdir(join(tree, "var")), []);
      });
    });

    test(`a client's changes to a snapshot of ${snapshotter} become a layer that repeats them on its parent`, async () => {
      const namespace = `changed-${snapshotter}`;
      const { snapshots, diff: differ, content } = host.clients.in(namespace);
      const parent = "base";
      const prepare = (key: string, on = parent) =>
        snapshots.prepare({ snapshotter, key, parent: on, labels: {} });
      const script = async ({ mounts }: { mounts: containerd.types.Mount[] }, text: string) =>
        void (await mounted(mounts, (cwd) => run("sh", ["-ec", text], { cwd })));
      await script(
        await prepare("making", ""),
        "mkdir etc var; echo 1 > etc/gone; echo 2 > etc/kept; echo 3 > var/gone",
      );
      await snapshots.commit({ snapshotter, name: parent, key: "making", labels: {}, parent: "" });
      const right = (await prepare("container")).mounts;
      await script(
        { mounts: right },
        "rm etc/gone; rm -r var; mkdir -m 700 var; echo 4 > var/new; ln -s etc link",
      );
      const { mounts: left } = await snapshots.view({ snapshotter, key: "below", parent, labels: {} });
      const labels = { "example.com/a": "1" };
      const request = { left, right, mediaType: "", ref: "", labels, sourceDateEpoch: undefined };
      const { diff } = await differ.diff(request);
      assert.equal(diff?.mediaType, gzipLayer);
      const { info } = await content.info({ digest: diff.digest });
      assert.equal(info?.size, diff.size);
      assert.equal(info.labels["example.com/a"], "1");
      assert.deepEqual((await differ.diff({ ...request, ref: "mine" })).diff, diff);

      const { mounts } = await prepare("again");
      const { applied } = await differ.apply({ diff, mounts, payloads: {}, syncFs: false });
      assert.equal(info.labels["containerd.io/uncompressed"], applied?.digest);
      const look = (tree: string) =>
        run("sh", ["-ec", "find . ! -path . -printf '%P %M %l\\n' | sort; cat etc/* var/*"], { cwd: tree });
      const [before, after] = [await mounted(right, look), await mounted(mounts, look)];
      assert.equal(after.stdout, before.stdout);
      const plain = await differ.diff({ ...request, mediaType: "application/vnd.oci.image.layer.v1.tar" });
      assert.equal(plain.diff?.digest, applied?.digest);
      assert.deepEqual((await content.listStatuses({ filters: [] })).statuses, []);
    });
  }

  test("a layer that is missing, invalid or without a target is rejected, and nothing is written", async () => {
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
    await refused(UNIMPLEMENTED, { mounts: [{ ...bind, target: "sub" }] }, /"sub"/);
    await refused(UNIMPLEMENTED, { mounts: [{ ...bind, type: "tmpfs", options: [] }] }, /"tmpfs"/);
    const overlay = { type: "overlay", source: "overlay", target: "", options: ["lowerdir=/a:/b"] };
    await refused(INVALID_ARGUMENT, { mounts: [overlay] }, /without upperdir/);
    assert.deepEqual(await readdir(source), []);
    const blob = join(host.berth.root, "content/blobs/sha256", diff.digest.slice("sha256:".length));
    await writeFile(blob, gzipSync("damaged"));
    await refused(DATA_LOSS, {}, /data loss$/);
  });

  test("a difference that cannot be computed is rejected, and none of it is kept", async () => {
    await using directory = await tempDir();
    const { diff: differ, content } = host.clients.in("refused");
    const bind = { type: "bind", source: directory.path, target: "", options: ["rbind", "ro"] };
    const none = { mediaType: "", ref: "", labels: {}, sourceDateEpoch: undefined };
    const request = { left: [], right: [bind], ...none };
    const refused = (code: status, given: Partial<containerd.diffV1.DiffRequest>, details: RegExp) =>
      assert.rejects(differ.diff({ ...request, ...given }), { code, details });
    const { UNIMPLEMENTED, NOT_FOUND, INVALID_ARGUMENT, FAILED_PRECONDITION } = status;
    await refused(UNIMPLEMENTED, { mediaType: "text/plain" }, /^media_type: .*"text\/plain"/);
    await refused(UNIMPLEMENTED, { left: [bind, bind] }, /give one/);
    await refused(UNIMPLEMENTED, { right: [{ ...bind, target: "sub" }] }, /"sub"/);
    await refused(INVALID_ARGUMENT, { right: [{ ...bind, source: "tree" }] }, /absolute path/);
    await refused(
      INVALID_ARGUMENT,
      { right: [{ ...bind, type: "overlay", options: [] }] },
      /without directories/,
    );
    await refused(NOT_FOUND, { right: [{ ...bind, source: join(directory.path, "none") }] }, /none/);
    await writeFile(join(directory.path, ".wh.file"), "");
    await refused(FAILED_PRECONDITION, {}, /"\.wh\.file"/);
    assert.deepEqual((await content.listStatuses({ filters: [] })).statuses, []);
  });

  test("the call's lease holds a difference, and files are no newer than its time", async () => {
    await using directory = await tempDir();
    const { leases, content: all } = host.clients.in("leased");
    const { lease } = await leases.create({ id: "mine", labels: {} });
    const { diff: differ } = host.clients.in("leased", lease?.id);
    await writeFile(join(directory.path, "new"), "");
    const bind = { type: "bind", source: directory.path, target: "", options: ["rbind"] };
    const request = { left: [], right: [bind], mediaType: "application/vnd.oci.image.layer.v1.tar", ref: "" };
    const sourceDateEpoch = { seconds: 1_000_000_000n, nanos: 0 };
    const { diff } = await differ.diff({ ...request, labels: {}, sourceDateEpoch });
    const { resources } = await leases.listResources({ id: "mine" });
    assert.deepEqual(resources, [{ id: diff?.digest, type: "content" }]);
    const path = join(host.berth.root, "content/blobs/sha256", String(diff?.digest).slice("sha256:".length));
    const { stdout } = await run("tar", ["--utc", "--full-time", "-tvf", path]);
    assert.match(stdout, /2001-09-09 01:46:40 new/);
    await leases.delete({ id: "mine", sync: true });
    await assert.rejects(all.info({ digest: String(diff?.digest) }), { code: status.NOT_FOUND });
  });

  test("a difference whose caller has disconnected is not completed", async () => {
    await using directory = await tempDir();
    // Takes almost endless time to read, and no space on the disk.
    const sparse = join(directory.path, "sparse");
    await writeFile(sparse, "");
    await truncate(sparse, 2 ** 40);
    const { raw, metadata, content } = host.clients.in("cancelled");
    const bind = { type: "bind", source: directory.path, target: "", options: ["rbind"] };
    const request = { left: [], right: [bind], mediaType: "", ref: "mine", labels: {} };
    const ended = Promise.withResolvers<unknown>();
    const call = raw.diff.diff(containerd.diffV1.DiffRequest.fromPartial(request), metadata, (error) =>
      ended.resolve(error?.code),
    );
    const refs = async () => (await content.listStatuses({ filters: [] })).statuses.map(({ ref }) => ref);
    await eventually("it is written", async () => (await refs()).includes("mine"));
    call.cancel();
    assert.equal(await ended.promise, status.CANCELLED);
    await eventually("nothing is left", async () => (await refs()).length === 0);
  });
});
