import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createReadStream } from "node:fs";
import { mkdtemp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { mountSnapshot, unmount, unmountBelow } from "../../ground/linux/index.ts";
import { createLogger } from "../../ground/logging/index.ts";
import { openDatabase } from "../../ground/metadata/index.ts";
import { type Digest, digestHex } from "../../parts/oci/index.ts";
import { applyLayer } from "../../parts/unpack/index.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { ServiceEvents } from "../events/index.ts";
import { chainIdOf, type Snapshotter, type SnapshotterKind, Snapshotters } from "./index.ts";

const run = promisify(execFile);
const logger = createLogger({ level: "silent", format: "json" });

/** What is done to the root file system before each layer is written. */
const steps = [
  `mkdir -p bin etc/keep etc/drop/deep var/log tmp; echo sh > bin/sh; chmod 4755 bin/sh; ln bin/sh bin/ash; ln -s bin sbin
   echo a > etc/a; echo b > etc/b; echo c > etc/drop/deep/c; chown 7:8 etc/a var/log; chmod 1777 tmp; chmod 700 etc/keep; mkfifo var/pipe`,
  `rm etc/a; rm -r etc/drop; echo b2 > etc/b; echo new > etc/keep/new; touch -d @1000000000.5 etc/keep/new`,
  `rm sbin; mkdir sbin etc/drop; echo init > sbin/init; echo again > etc/drop/again; echo a3 > etc/a; rm -r var; echo var > var`,
];

type Layer = {
  readonly path: string;
  readonly digest: Digest;
  readonly size: number;
  readonly diffId: Digest;
};

/** Makes an image of these steps with umoci; returns its layers, and the tree that umoci itself unpacks. */
async function imageByUmoci(
  root: string,
): Promise<{ readonly layers: readonly Layer[]; readonly tree: string }> {
  const layout = join(root, "layout");
  await run("umoci", ["init", "--layout", layout]);
  await run("umoci", ["new", "--image", `${layout}:t`]);
  for (const [index, step] of steps.entries()) {
    const bundle = join(root, `bundle-${index}`);
    await run("umoci", ["unpack", "--image", `${layout}:t`, bundle]);
    await run("sh", ["-ec", step], { cwd: join(bundle, "rootfs") });
    await run("umoci", ["repack", "--image", `${layout}:t`, bundle]);
  }
  await run("umoci", ["unpack", "--image", `${layout}:t`, join(root, "result")]);
  const blob = (digest: string) => join(layout, "blobs", digest.replace(":", "/"));
  const json = async (path: string) => JSON.parse(await readFile(path, "utf8"));
  const index = await json(join(layout, "index.json"));
  const manifest = await json(blob(index.manifests[0].digest));
  const config = await json(blob(manifest.config.digest));
  const layers = manifest.layers.map(({ digest, size }: Layer, at: number) => ({
    path: blob(digest),
    digest,
    size,
    diffId: config.rootfs.diff_ids[at],
  }));
  return { layers, tree: join(root, "result", "rootfs") };
}

/** Unpacks all layers, at the same time where the snapshotter allows it; returns the topmost chain id. */
async function unpackAll(snapshotter: Snapshotter, layers: readonly Layer[]): Promise<Digest | undefined> {
  const { rebase } = snapshotter.capabilities;
  const apply = async (layer: Layer, parent: Digest | undefined) => {
    const key = `extract-${digestHex(layer.digest)}`;
    await snapshotter.prepare(key, parent);
    const target = snapshotter.layerTarget(key);
    const { digest, size, diffId } = layer;
    const applied = await applyLayer(createReadStream(layer.path), {
      target,
      expected: { digest, size, diffId },
    });
    return { key, inherit: applied.undescribedDirectories };
  };
  const apart = rebase ? await Promise.all(layers.map((layer) => apply(layer, undefined))) : [];
  let parent: Digest | undefined;
  for (const [index, layer] of layers.entries()) {
    const { key, inherit } = apart[index] ?? (await apply(layer, parent));
    const chainId = chainIdOf(parent, layer.diffId);
    await snapshotter.commit(chainId, key, parent === undefined ? {} : { parent, inherit });
    parent = chainId;
  }
  return parent;
}

async function listTree(tree: string): Promise<readonly string[]> {
  const format = [
    "-type",
    "d",
    "-printf",
    "%P %y %m %U:%G\n",
    "-o",
    "-printf",
    "%P %y %m %U:%G %s %T@ %n %l\n",
  ];
  const { stdout } = await run("find", [".", "-mindepth", "1", ...format], { cwd: tree });
  return stdout.split("\n").sort();
}

for (const kind of ["overlayfs", "erofs", "native"] satisfies readonly SnapshotterKind[]) {
  test(`an image that umoci wrote becomes, as ${kind} snapshots, the tree that umoci unpacks`, async () => {
    await using root = await tempDir();
    await using _mounts = { [Symbol.asyncDispose]: () => unmountBelow(root.path) };
    const { layers, tree } = await imageByUmoci(root.path);
    assert.equal(layers.length, steps.length);
    await using database = await openDatabase({ path: join(root.path, "meta.db") });
    await using snapshotters = await Snapshotters.open({
      root: root.path,
      database,
      events: new ServiceEvents(),
      logger,
    });
    const snapshotter = await snapshotters.get(kind, "k8s.io");
    const top = await unpackAll(snapshotter, layers);
    const target = await mkdtemp(join(root.path, "mnt-"));
    await mountSnapshot(await snapshotter.view("v", top), target);
    try {
      assert.deepEqual(await listTree(target), await listTree(tree));
      await run("diff", ["-r", "--no-dereference", "-x", "pipe", tree, target]);
    } finally {
      await unmount(target);
    }
  });
}

test("chain ids are those of the specification", () => {
  const id = (digit: string) => `sha256:${digit.repeat(64)}` as Digest;
  assert.equal(chainIdOf(undefined, id("a")), id("a"));
  // printf "sha256:aa... sha256:bb..." | sha256sum
  assert.equal(
    chainIdOf(id("a"), id("b")),
    "sha256:ccd722928bd92476ba1745586fed6e45a102504185ad88cd89e01ff116fd146c",
  );
});
