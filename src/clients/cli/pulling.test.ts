import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { id, image, imageId } from "../../doors/cri/testing/samples.ts";
import { parseDigest } from "../../parts/oci/index.ts";
import type { PullProgress, PullRequest } from "../../services/images/index.ts";
import { ImageError } from "../../services/images/index.ts";
import { runCli } from "./program.ts";
import { capturedIo } from "./testing/captured-io.ts";
import { serveCli } from "./testing/cli.ts";

const layers = ["aa", "bb"].map((prefix) => ({
  mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
  digest: parseDigest(`sha256:${id(prefix)}`),
  size: 1_500_000,
}));

function progress(
  layer: number,
  state: "downloading" | "exists" | "done",
  receivedBytes: number,
): PullProgress {
  const digest = layers[layer]?.digest ?? layers[0]?.digest;
  if (digest === undefined) throw new Error("no layer");
  return { kind: "layer", digest, state, receivedBytes, totalBytes: 1_500_000 };
}

/** A pull of two layers, one of which is here already. */
async function playPull({ onProgress }: PullRequest) {
  onProgress?.({ kind: "resolved", layers });
  onProgress?.(progress(0, "exists", 0));
  onProgress?.(progress(1, "downloading", 700_000));
  onProgress?.(progress(1, "done", 1_500_000));
  return image();
}

test("pull prints the id on stdout and the progress, a line for each layer, on stderr", async () => {
  await using endpoint = await serveCli();
  endpoint.engine.pull = playPull;
  const { status, stdout, stderr } = await endpoint.run(["pull", "busybox"]);
  assert.equal(status, 0);
  assert.equal(stdout, `${imageId}\n`);
  const expected =
    "2 layers, 3.0 MB\n[1/2] aa0000000000 already here (1.5 MB)\n[2/2] bb0000000000 done (1.5 MB)\n";
  assert.equal(stderr, expected);
});

test("pull -q prints only the id", async () => {
  await using endpoint = await serveCli();
  endpoint.engine.pull = playPull;
  assert.deepEqual(await endpoint.run(["pull", "-q", "busybox"]), {
    status: 0,
    stdout: `${imageId}\n`,
    stderr: "",
  });
});

test("pull requests a platform or all", async () => {
  await using endpoint = await serveCli();
  const asked: unknown[] = [];
  endpoint.engine.pullAny = async ({ platform }) => {
    asked.push(platform);
    return { id: image().id };
  };
  for (const options of [[], ["--platform", "linux/arm64/v8"], ["--all-platforms"]])
    assert.equal((await endpoint.run(["pull", "-q", ...options, "busybox"])).status, 0);
  assert.deepEqual(asked, [undefined, { os: "linux", architecture: "arm64" }, "all"]);
  const both = await endpoint.run(["pull", "--all-platforms", "--platform", "linux/arm64", "busybox"]);
  assert.match(both.stderr, /cannot be combined/);
  const wrong = await endpoint.run(["pull", "--platform", "arm64", "busybox"]);
  assert.match(wrong.stderr, /invalid platform "arm64"/);
});

test("a pull for another platform is refused with another runtime", async () => {
  await using endpoint = await serveCli({ plainCri: true });
  const { status, stderr } = await endpoint.run(["pull", "--platform", "linux/arm64", "busybox"]);
  assert.equal(status, 1);
  assert.match(stderr, /needs berthd/);
});

test("pull shows no progress with another runtime", async () => {
  await using endpoint = await serveCli({ plainCri: true });
  endpoint.engine.pull = playPull;
  endpoint.engine.imageTable.push(image());
  assert.deepEqual(await endpoint.run(["pull", "busybox"]), {
    status: 0,
    stdout: `${imageId}\n`,
    stderr: "",
  });
});

for (const plainCri of [false, true]) {
  test(`credentials reach the pull${plainCri ? " of another runtime" : ""}, with the password from stdin`, async () => {
    await using endpoint = await serveCli({ plainCri });
    let credentials: PullRequest["credentials"];
    endpoint.engine.pull = async (request) => {
      credentials = request.credentials;
      return image();
    };
    await endpoint.run(["pull", "--creds", "robot", "registry.example/x"], { stdin: "secret:1\n" });
    assert.deepEqual(
      { kind: credentials?.kind, ...credentials },
      { ...credentials, kind: "basic", username: "robot", password: "secret:1" },
    );
  });
}

test("the password of --creds is requested on a terminal", async () => {
  await using endpoint = await serveCli();
  let credentials: PullRequest["credentials"];
  endpoint.engine.pull = async (request) => {
    credentials = request.credentials;
    return image();
  };
  const io = capturedIo({ BERTH_ADDRESS: endpoint.address }, "hush\r");
  const stdin = Object.assign(io.stdin, { isTTY: true });
  const argv = ["pull", "--creds", "robot", "registry.example/x"];
  assert.equal(await runCli(argv, { ...io, stdin }, new AbortController().signal), 0);
  assert.deepEqual(credentials, { kind: "basic", username: "robot", password: "hush" });
  assert.match(io.stderr.text(), /^password of robot: /);
  assert.doesNotMatch(io.stderr.text(), /hush/);
});

for (const [creds, stdin] of [
  ["robot:secret", "secret"],
  ["", "secret"],
  ["robot", "\n"],
] as const)
  test(`a pull with credentials of ${JSON.stringify(creds)} and ${JSON.stringify(stdin)} asks nobody`, async () => {
    await using endpoint = await serveCli();
    endpoint.engine.pull = async () => assert.fail("pulled");
    const argv = ["pull", "--creds", creds, "registry.example/x"];
    const { status, stderr } = await endpoint.run(argv, { stdin });
    assert.equal(status, 2);
    assert.doesNotMatch(stderr, /secret/);
  });

test("a pull that fails reports the registry's reason", async () => {
  await using endpoint = await serveCli();
  endpoint.engine.pull = async () => {
    throw new ImageError("NotFound", "registry.example/x:1: manifest unknown");
  };
  const { status, stdout, stderr } = await endpoint.run(["pull", "registry.example/x:1"]);
  assert.deepEqual({ status, stdout }, { status: 3, stdout: "" });
  assert.match(stderr, /registry\.example\/x:1: manifest unknown/);
});

test("images are listed with a row for each tag", async () => {
  await using endpoint = await serveCli();
  endpoint.engine.imageTable.push(image({ repoTags: ["localhost:5000/a:1", "localhost:5000/a:2"] }));
  const { stdout } = await endpoint.run(["images"]);
  assert.match(stdout, /localhost:5000\/a +1 +1a1a1a1a1a1a +2\.0 MB +-\nlocalhost:5000\/a +2 /);
  assert.equal((await endpoint.run(["images", "-q"])).stdout, `${imageId}\n`);
  assert.match(
    (await endpoint.run(["images", "--digests", "--no-trunc"])).stdout,
    /sha256:2b2b.*sha256:1a1a/,
  );
});

test("rmi accepts a prefix of an id, and reports what does not exist", async () => {
  await using endpoint = await serveCli();
  endpoint.engine.imageTable.push(image());
  const { status, stdout } = await endpoint.run(["rmi", "1a1a", "nothing"]);
  assert.deepEqual({ status, stdout }, { status: 3, stdout: "1a1a\n" });
  assert.equal(endpoint.engine.imageTable.length, 0);
});

test("image import sends berthd the absolute path of the file", async () => {
  await using endpoint = await serveCli();
  const paths: string[] = [];
  endpoint.engine.images.importArchive = async (path) => {
    paths.push(path);
    return [image()];
  };
  const { status, stdout } = await endpoint.run(["image", "import", "some/app.tar"]);
  assert.equal(status, 0);
  assert.match(stdout, /docker\.io\/library\/busybox:latest +1a1a1a1a1a1a/);
  assert.deepEqual(paths, [join(process.cwd(), "some/app.tar")]);
});

test("image pin and unpin change what images shows, unless the configuration pins", async () => {
  await using endpoint = await serveCli();
  endpoint.engine.imageTable.push(image());
  const listed = async () =>
    JSON.parse((await endpoint.run(["images", "-o", "json"])).stdout).images[0].pinned;
  assert.equal((await endpoint.run(["image", "pin", "busybox"])).stdout, "busybox\n");
  assert.equal(await listed(), true);
  assert.equal((await endpoint.run(["image", "unpin", "busybox"])).status, 0);
  assert.equal((await listed()) ?? false, false);
  endpoint.engine.images.setPinned = async () => image({ pinned: true });
  const { status, stderr } = await endpoint.run(["image", "unpin", "busybox"]);
  assert.equal(status, 1);
  assert.match(stderr, /pinned by berthd's configuration/);
});

for (const [source, argv] of [
  ["stdin", ["-"]],
  ["a file", ["--send", "FILE"]],
] as const) {
  test(`image import sends the bytes of ${source}, and leaves nothing behind`, async () => {
    await using endpoint = await serveCli();
    const bytes = "archive".repeat(500_000);
    const file = join(endpoint.dir, "app.tar");
    await writeFile(file, bytes);
    let received = "";
    endpoint.engine.images.importArchive = async (path) => {
      received = await readFile(path, "utf8");
      return [];
    };
    const args = argv.map((arg) => (arg === "FILE" ? file : arg));
    assert.equal((await endpoint.run(["image", "import", ...args], { stdin: bytes })).status, 0);
    assert.equal(received === bytes, true);
    assert.deepEqual(await readdir(join(endpoint.dir, "spool")), []);
  });
}

test("image import that fails leaves nothing behind, either", async () => {
  await using endpoint = await serveCli();
  endpoint.engine.images.importArchive = async () => {
    throw new ImageError("InvalidArgument", "no index.json in the archive");
  };
  const { status, stderr } = await endpoint.run(["image", "import", "-"], { stdin: "garbage" });
  assert.equal(status, 1);
  assert.match(stderr, /no index\.json/);
  assert.deepEqual(await readdir(join(endpoint.dir, "spool")), []);
});

test("a file that cannot be sent is named", async () => {
  await using endpoint = await serveCli();
  const { status, stderr } = await endpoint.run(["image", "import", "--send", "/nonexistent.tar"]);
  assert.deepEqual([status, stderr], [3, "berth: /nonexistent.tar not found\n"]);
});

test("image import reports that it needs berthd", async () => {
  await using endpoint = await serveCli({ plainCri: true });
  await mkdir(join(endpoint.dir, "layout"));
  const { status, stderr } = await endpoint.run(["image", "import", join(endpoint.dir, "layout")]);
  assert.equal(status, 1);
  assert.match(stderr, /needs berthd/);
});
