import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { id, image, imageId } from "../../doors/cri/testing/samples.ts";
import { parseDigest } from "../../parts/oci/index.ts";
import { ImageError, type SavedArchive, type SaveRequest } from "../../services/images/index.ts";
import { until } from "../../testing/until.ts";
import { runCli } from "./program.ts";
import { captured, capturedIo } from "./testing/captured-io.ts";
import { type Endpoint, serveCli } from "./testing/cli.ts";

const digest = parseDigest(`sha256:${id("dd")}`);
const content = Buffer.alloc(3_000_000, "archive");

/** Has the engine save an archive of some megabytes, which fails in the middle where it is told to. */
function playSaves(
  { engine }: Endpoint,
  { name, fails = false }: { readonly name?: string; readonly fails?: boolean } = {},
) {
  const seen: { requests: SaveRequest[]; disposed: number } = { requests: [], disposed: 0 };
  engine.save = async (request) => {
    seen.requests.push(request);
    const archive: SavedArchive = {
      images: request.images.map((wanted) => ({ image: wanted, name, digest })),
      bytes: pieces(fails),
      [Symbol.dispose]: () => {
        seen.disposed++;
      },
    };
    return archive;
  };
  return seen;
}

async function* pieces(fails: boolean): AsyncGenerator<Uint8Array> {
  yield content.subarray(0, 1_000_000);
  if (fails) throw new ImageError("DataLoss", "blobs/x is damaged on disk");
  yield content.subarray(1_000_000, 2_000_000);
  yield content.subarray(2_000_000);
}

/** A run whose input and output are a terminal. */
async function onTerminal({ address }: Endpoint, argv: readonly string[]) {
  const io = { ...capturedIo({ BERTH_ADDRESS: address }), stdout: captured({ columns: 80 }) };
  const stdin = Object.assign(io.stdin, { isTTY: true });
  const status = await runCli(argv, { ...io, stdin }, new AbortController().signal);
  return { status, stderr: io.stderr.text(), stdout: io.stdout.text() };
}

test("an archive whose reader goes away is a failure", async () => {
  await using endpoint = await serveCli();
  const seen = playSaves(endpoint);
  const main = new URL("./main.ts", import.meta.url).pathname;
  const env = { ...process.env, BERTH_ADDRESS: endpoint.address };
  const child = spawn(process.execPath, [main, "save", "a"], { env, stdio: ["ignore", "pipe", "inherit"] });
  child.stdout.once("data", () => child.stdout.destroy());
  assert.deepEqual(await once(child, "exit"), [141, null]);
  await until(() => seen.disposed === 1);
});

test("save writes a file that only its owner can read, or to stdout, compressed as requested", async () => {
  await using endpoint = await serveCli();
  const seen = playSaves(endpoint, { name: "registry.example/a:1" });
  const path = join(endpoint.dir, "out", "a.tar");
  await mkdir(join(endpoint.dir, "out"));
  assert.deepEqual(await endpoint.run(["save", "-o", path, "a"]), { status: 0, stdout: "", stderr: "" });
  assert.ok((await readFile(path)).equals(content));
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  await endpoint.run(["save", "-o", path, "--compression", "gzip", "a"]);
  assert.ok(gunzipSync(await readFile(path)).equals(content));
  await endpoint.run(["save", "-o", path, "--compression", "zstd", "a"]);
  assert.ok(zstdDecompressSync(await readFile(path)).equals(content));
  assert.deepEqual(await readdir(join(endpoint.dir, "out")), ["a.tar"]);
  assert.equal((await endpoint.run(["save", "a", "b"])).stdout, content.toString());
  assert.equal((await endpoint.run(["save", "-o", "/dev/null", "a"])).status, 0);
  assert.deepEqual(seen.requests.at(-2), { images: ["a", "b"], format: "oci" });
  assert.equal(seen.disposed, seen.requests.length);
});

test("save that fails or is refused leaves the previous file and nothing else", async () => {
  await using endpoint = await serveCli();
  const directory = join(endpoint.dir, "out");
  const path = join(directory, "a.tar");
  await mkdir(directory);
  await writeFile(path, "before");
  const unknown = await endpoint.run(["save", "-o", path, "a"]);
  assert.equal(unknown.status, 3);
  const seen = playSaves(endpoint, { name: "a", fails: true });
  const failed = await endpoint.run(["save", "-o", path, "a"]);
  assert.equal(failed.status, 1);
  assert.match(failed.stderr, /damaged on disk/);
  assert.equal(seen.disposed, 1);
  assert.equal(await readFile(path, "utf8"), "before");
  assert.deepEqual(await readdir(directory), ["a.tar"]);
  assert.match((await endpoint.run(["save", "-o", directory, "a"])).stderr, /is a directory/);
  const missing = await endpoint.run(["save", "-o", join(directory, "no", "a.tar"), "a"]);
  assert.match(missing.stderr, /cannot be written: its directory does not exist/);
});

test("save passes its options on, and reports images without a name in the archive", async () => {
  await using endpoint = await serveCli();
  const seen = playSaves(endpoint);
  const { stderr } = await endpoint.run([
    "save",
    "--platform",
    "linux/arm64",
    "--format",
    "docker-archive",
    "abc",
  ]);
  assert.match(stderr, /abc is an id: the archive has no name for this image/);
  assert.deepEqual(seen.requests, [
    { images: ["abc"], format: "docker", platform: { os: "linux", architecture: "arm64" } },
  ]);
  await endpoint.run(["save", "--all-platforms", "abc"]);
  assert.equal(seen.requests[1]?.platform, "all");
});

test("save warns if a file's name implies another compression", async () => {
  await using endpoint = await serveCli();
  playSaves(endpoint, { name: "registry.example/a:1" });
  const said = async (file: string, ...args: readonly string[]) =>
    (await endpoint.run(["save", "-o", join(endpoint.dir, file), ...args, "a"])).stderr;
  assert.match(await said("a.tar.gz"), /a\.tar\.gz is not compressed, .* --compression gzip/);
  assert.match(await said("a.tar.zst", "--compression", "gzip"), /is compressed with gzip, .* zstd/);
  assert.equal(await said("a.tgz", "--compression", "gzip"), "");
});

test("load names the source of what came on standard input", async () => {
  await using endpoint = await serveCli();
  endpoint.engine.importArchive = async () => {
    throw new ImageError("InvalidArgument", "the archive: not a tar archive");
  };
  assert.deepEqual(await endpoint.run(["load"], { stdin: "text" }), {
    status: 1,
    stdout: "",
    stderr: "berth: standard input: not a tar archive\n",
  });
  assert.match((await endpoint.run(["load"], { stdin: "" })).stderr, /standard input: it is empty/);
});

for (const argv of [
  ["save"],
  ["save", "--compression", "xz", "a"],
  ["save", "--platform", "linux/arm64", "--all-platforms", "a"],
  ["save", "--format", "docker-archive", "--all-platforms", "a"],
]) {
  test(`\`berth ${argv.join(" ")}\` is a usage error`, async () => {
    await using endpoint = await serveCli();
    assert.equal((await endpoint.run(argv)).status, 2);
  });
}

test("an archive is neither shown on a terminal nor read from one", async () => {
  await using endpoint = await serveCli();
  playSaves(endpoint);
  for (const argv of [["save", "a"], ["load"]]) {
    const { status, stdout, stderr } = await onTerminal(endpoint, argv);
    assert.deepEqual([status, stdout], [2, ""]);
    assert.match(stderr, /redirect/);
  }
});

test("load makes the daemon read a file, or sends stdin, and reports images without a name", async () => {
  await using endpoint = await serveCli();
  const paths: string[] = [];
  endpoint.engine.importArchive = async (path) => {
    paths.push(path);
    return [image(), image({ repoTags: [], repoDigests: [] })];
  };
  const { stdout, stderr } = await endpoint.run(["load", "-i", "/tmp/a.tar"]);
  assert.equal(stdout, `Loaded image: docker.io/library/busybox:latest\nLoaded image ID: ${imageId}\n`);
  assert.match(stderr, /^berth: the archive has no name for image sha256:/);
  assert.equal((await endpoint.run(["load", "-q"], { stdin: "bytes" })).stdout, `${imageId}\n${imageId}\n`);
  assert.equal(paths[0], "/tmp/a.tar");
  assert.match(paths[1] ?? "", /spool/);
});
