/** Images that buildah makes and berth reads, and the other way. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { startRegistry, type TestRegistry } from "../../testing/registry.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { openStack, type TestStack } from "./testing/stack.ts";

const run = promisify(execFile);
const signal = new AbortController().signal;

describe("buildah", () => {
  let directory: Awaited<ReturnType<typeof tempDir>>;
  let registry: TestRegistry;
  let stack: TestStack;
  let built = "";
  const at = (name: string): string => join(directory.path, name);
  const buildah = async (command: string, ...args: readonly string[]): Promise<string> => {
    const storage = ["--root", at("storage"), "--runroot", at("run"), "--storage-driver", "vfs"];
    const { stdout } = await run("buildah", [...storage, command, ...args]);
    return stdout.trim();
  };
  const trusting = (): readonly string[] => ["--signature-policy", at("policy.json"), "--tls-verify=false"];
  /** Pulls with buildah what has this name then, and returns its digest. */
  const digestAtBuildah = async (source: string): Promise<string> => {
    const id = await buildah("pull", "-q", ...trusting(), source);
    return await buildah("inspect", "--type", "image", "--format", "{{.FromImageDigest}}", id);
  };

  before(async () => {
    directory = await tempDir();
    registry = await startRegistry();
    stack = await openStack();
    await writeFile(at("policy.json"), JSON.stringify({ default: [{ type: "insecureAcceptAnything" }] }));
    await writeFile(at("first"), "1");
    await writeFile(at("second"), "2");
    built = await buildah("from", "scratch");
    await buildah("copy", built, at("first"), "/first");
    await buildah("config", "--cmd", "/first", "--label", "made=here", built);
    await buildah("commit", ...trusting(), built, `docker://${registry.host}/base:v1`);
    const next = await buildah("from", ...trusting(), `docker://${registry.host}/base:v1`);
    await buildah("copy", next, at("second"), "/second");
    await buildah("commit", ...trusting(), next, `docker://${registry.host}/app:v1`);
    await buildah("commit", ...trusting(), next, `oci-archive:${at("app.tar")}:example.com/app:v1`);
  });
  after(async () => {
    await stack[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
    await directory[Symbol.asyncDispose]();
  });

  test("builds images that berth pulls from a registry and loads from an archive", async () => {
    const pulled = await stack.images.pull({ reference: `${registry.host}/app:v1` });
    const [{ id } = { id: "" }] = await stack.images.importArchive(at("app.tar"));
    const loaded = stack.images.find(id);
    assert.ok(loaded !== undefined);
    for (const image of [pulled, loaded]) {
      assert.deepEqual([image.config.config.cmd, image.config.config.labels.made], [["/first"], "here"]);
      await stack.inRootfs(image, async (root) => {
        assert.equal(await readFile(join(root, "first"), "utf8"), "1");
        assert.equal(await readFile(join(root, "second"), "utf8"), "2");
      });
    }
  });

  test("reads what berth pushed and saved, with equal digests", async () => {
    const reference = `${registry.host}/app:v1`;
    const { id, manifest } = await stack.images.pull({ reference });
    const { digest } = await stack.images.push({ image: reference, destination: `${registry.host}/copy:v1` });
    assert.equal(digest, manifest.digest);
    assert.equal(await digestAtBuildah(`docker://${registry.host}/copy:v1`), digest);
    await buildah("rmi", "--force", id);
    await using archive = await stack.images.save({ images: [reference], format: "oci" }, signal);
    await writeFile(at("saved.tar"), Buffer.concat(await Array.fromAsync(archive.bytes)));
    assert.equal(await digestAtBuildah(`oci-archive:${at("saved.tar")}`), digest);
  });
});
