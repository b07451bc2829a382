/** Images that berth pushed or saved arrive unchanged in containerd, and containerd's in berth. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { startContainerd } from "../../bench/containerd.ts";
import type { Peer } from "../../bench/peer.ts";
import { imageOf, indexOf, type TestImage } from "../../src/testing/images.ts";
import { pushImage, startRegistry, type TestRegistry } from "../../src/testing/registry.ts";
import { cliOutput } from "../support/cli.ts";
import { clientProgram } from "../support/client-programs.ts";
import { exportWhole } from "../support/whole-archive.ts";
import { withBerth } from "../support/with-berth.ts";

const run = promisify(execFile);
const amd64 = { os: "linux", architecture: "amd64" };
const arm64 = { os: "linux", architecture: "arm64" };

/** Two layers: files, links, owners, modes and times; the second removes and replaces some of them. */
function layers(content: string) {
  const directories = ["bin/", "etc/", "opaque/"].map(
    (name) => ({ name, type: "directory", mode: 0o755 }) as const,
  );
  const app = { mode: 0o4755, uid: 3, gid: 4 };
  return [
    [
      ...directories,
      { name: "bin/app", content: content.repeat(20_000), ...app },
      { name: "bin/hard", type: "link", linkname: "bin/app", ...app },
      { name: "bin/soft", type: "symlink", linkname: "app" },
      { name: "etc/gone", content: "gone" },
      { name: "etc/stays", content: "stays", mtime: new Date(1.6e12) },
      { name: "opaque/below", content: "below" },
    ],
    [
      ...directories.slice(1),
      { name: "etc/.wh.gone" },
      { name: "opaque/.wh..wh..opq" },
      { name: "opaque/above", content: "above" },
    ],
  ] as const;
}

type Form = (content: string) => Promise<TestImage>;

const forms: Readonly<Record<string, Form>> = {
  gzip: (content) => imageOf({ layers: layers(content) }),
  zstd: (content) => imageOf({ layers: layers(content), compression: "zstd" }),
  uncompressed: (content) => imageOf({ layers: layers(content), compression: "none" }),
  docker: (content) => imageOf({ layers: layers(content), format: "docker" }),
  index: async (content) =>
    indexOf([
      [await imageOf({ layers: layers(`${content} arm64`), platform: arm64 }), arm64],
      [await imageOf({ layers: layers(content) }), amd64],
    ]),
};

const programs = { "docker-registry": undefined, "the newest registry": clientProgram("registry") };

for (const [name, program] of Object.entries(programs))
  describe(`images of berth and of containerd, with ${name} between them`, () => {
    const host = withBerth({ network: undefined });
    let registry: TestRegistry;
    let containerd: Peer;
    let directory = "";
    before(async () => {
      registry = await startRegistry(program === undefined ? {} : { program });
      containerd = await startContainerd("127.0.0.1/none:none", { programs: clientProgram("") });
      directory = await mkdtemp(join(host.berth.directory, "containerd-images-"));
    });
    after(async () => {
      await using _registry = registry;
      await containerd[Symbol.asyncDispose]();
    });

    const ctr = async (...args: readonly string[]): Promise<string> => {
      const command = ["--address", containerd.socket, "images", ...args];
      return (await run(clientProgram("ctr"), command)).stdout;
    };
    const berth = (...args: readonly string[]) => cliOutput(host.berth, ...args);

    /** Comes to the registry from neither of the two. */
    const given = async (form: Form, repository: string) => {
      const image = await form(repository);
      await pushImage(registry, repository, "1", image);
      return { reference: `${registry.host}/${repository}:1`, digest: image.target.digest };
    };
    const digestIn = {
      containerd: async (reference: string) =>
        (await ctr("ls", `name==${reference}`)).split("\n")[1]?.split(/\s+/)[2],
      berth: async (reference: string) => {
        const [image] = JSON.parse(await berth("image", "inspect", reference)) as readonly Inspected[];
        return image?.Descriptor.digest;
      },
    };
    const treeIn = {
      containerd: async (reference: string) => {
        const target = await mountPoint();
        await ctr("mount", reference, target);
        try {
          return await treeAt(target);
        } finally {
          await ctr("unmount", "--rm", target);
        }
      },
      berth: async (reference: string) => {
        const target = await mountPoint();
        await berth("image", "mount", reference, target);
        try {
          return await treeAt(target);
        } finally {
          await berth("image", "umount", target);
        }
      },
    };
    const mountPoint = () => mkdtemp(join(directory, "mount-"));

    for (const [kind, form] of Object.entries(forms)) {
      const all = kind === "index" ? ["--all-platforms"] : [];

      it(`are the same when berth pushes one that is ${kind} and containerd pulls it`, async () => {
        const { reference, digest } = await given(form, `pushed/${kind}`);
        const pushed = `${registry.host}/again/${kind}:1`;
        await berth("pull", "-q", ...all, reference);
        await berth("push", "-q", ...all, reference, pushed);
        await ctr("pull", "--plain-http", pushed);
        assert.equal(await digestIn.containerd(pushed), digest);
        assert.deepEqual(await treeIn.containerd(pushed), await treeIn.berth(reference));
      });

      it(`are the same when containerd pushes one that is ${kind} and berth pulls it`, async () => {
        const { reference, digest } = await given(form, `received/${kind}`);
        const pushed = `${registry.host}/received-again/${kind}:1`;
        await ctr("pull", "--plain-http", ...all, reference);
        await ctr("push", "--plain-http", pushed, reference);
        await berth("pull", "-q", pushed);
        assert.equal(await digestIn.berth(pushed), digest);
        assert.deepEqual(await treeIn.berth(pushed), await treeIn.containerd(reference));
      });

      // Archives do not go through a registry.
      if (program !== undefined) continue;

      it(`are the same when berth saves one that is ${kind} and containerd imports it`, async () => {
        const { reference, digest } = await given(form, `saved/${kind}`);
        await berth("pull", "-q", ...all, reference);
        const compression = kind === "gzip" || kind === "zstd" ? ["--compression", kind] : [];
        const archive = join(directory, `saved-${kind}`);
        await berth("save", ...all, ...compression, "-o", archive, reference);
        await ctr("import", ...all, archive);
        assert.equal(await digestIn.containerd(reference), digest);
        assert.deepEqual(await treeIn.containerd(reference), await treeIn.berth(reference));
      });

      it(`are the same when berth saves one that is ${kind} for docker and containerd imports it`, async () => {
        const { reference } = await given(form, `docker/${kind}`);
        await berth("pull", "-q", reference);
        const archive = join(directory, `docker-${kind}`);
        await berth("save", "--format", "docker-archive", "-o", archive, reference);
        await ctr("import", archive);
        assert.deepEqual(await treeIn.containerd(reference), await treeIn.berth(reference));
      });

      it(`are the same when containerd exports one that is ${kind} and berth loads it`, async () => {
        const { reference, digest } = await given(form, `exported/${kind}`);
        await ctr("pull", "--plain-http", ...all, reference);
        const archive = join(directory, `exported-${kind}`);
        await exportWhole(archive, (path) => ctr("export", ...all, path, reference));
        assert.equal(await berth("load", ...all, "-i", archive), `Loaded image: ${reference}`);
        const pushed = `${registry.host}/exported-again/${kind}:1`;
        assert.equal(await berth("push", "-q", ...all, reference, pushed), `${pushed}@${digest}`);
        assert.equal(await digestIn.berth(reference), digest);
        assert.deepEqual(await treeIn.berth(reference), await treeIn.containerd(reference));
      });
    }
  });

type Inspected = { readonly Descriptor: { readonly digest: string } };

/** For each name: kind, mode, owner, size, time, link target, and the content of a file. */
async function treeAt(directory: string): Promise<readonly string[]> {
  const script =
    "find . -mindepth 1 -printf '%P %y %m %U:%G %n %T@ %l\\n' | sort; find . -type f -exec sha256sum {} + | sort";
  const { stdout } = await run("sh", ["-c", script], { cwd: directory });
  return stdout.trim().split("\n");
}
