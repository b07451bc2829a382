import assert from "node:assert/strict";
import { test } from "node:test";
import { id } from "../../../doors/cri/testing/samples.ts";
import { mediaType, parseDigest, parsePlatform } from "../../../parts/oci/index.ts";
import type { NamedManifest } from "../../../services/images/index.ts";
import { serveCli } from "../testing/cli.ts";

const digest = (prefix: string) => parseDigest(`sha256:${id(prefix)}`);

function manifest(prefix: string, name: string, changes: Partial<NamedManifest> = {}): NamedManifest {
  return {
    name,
    manifest: { mediaType: mediaType.ociManifest, digest: digest(prefix), size: 400 },
    id: digest(prefix),
    kind: "image",
    type: undefined,
    platform: parsePlatform("linux/amd64"),
    presentBytes: 1_500_000,
    isWhole: true,
    ...changes,
  };
}

async function serve() {
  const endpoint = await serveCli();
  const arm = { platform: parsePlatform("linux/arm64"), isWhole: false };
  const artifact = { kind: "artifact", type: "application/vnd.example", platform: undefined } as const;
  endpoint.engine.manifests = async () => [
    manifest("aa", "registry.example/app:1"),
    manifest("aa", `registry.example/app@${digest("ee")}`),
    manifest("ab", "registry.example/app:1", arm),
    manifest("ac", "registry.example/model:2", artifact),
    manifest("ad", `registry.example/other@${digest("ad")}`),
  ];
  return endpoint;
}

test("images --all lists images of every platform and kind, and a name by digest only if it has no tag", async () => {
  await using endpoint = await serve();
  const { status, stdout } = await endpoint.run(["images", "--all"]);
  assert.equal(status, 0);
  const [, ...rows] = stdout
    .trimEnd()
    .split("\n")
    .map((line) => line.split(/ {2,}/).slice(0, 4));
  assert.deepEqual(rows, [
    ["registry.example/app:1", "image", "linux/amd64", "-"],
    ["registry.example/app:1", "image", "linux/arm64", "-"],
    ["registry.example/model:2", "artifact", "-", "application/vnd.example"],
    [`registry.example/other@${digest("ad")}`, "image", "linux/amd64", "-"],
  ]);
  assert.match(stdout, /linux\/arm64 .* 1\.5 MB +partial\n/);
});

test("images can be listed by platform, and by name", async () => {
  await using endpoint = await serve();
  const ids = async (...argv: string[]) => (await endpoint.run(["images", "-q", ...argv])).stdout.split("\n");
  assert.deepEqual(await ids("--platform", "linux/arm64/v8"), [digest("ab"), ""]);
  assert.deepEqual(await ids("--all", "model"), [digest("ac"), ""]);
  const json = JSON.parse((await endpoint.run(["images", "--platform", "linux/arm64", "-o", "json"])).stdout);
  assert.deepEqual(
    json.manifests.map((each: { platform: string; manifest: object }) => [each.platform, each.manifest]),
    [["linux/arm64", { mediaType: mediaType.ociManifest, digest: digest("ab"), size: "400" }]],
  );
  assert.equal((await endpoint.run(["images", "--platform", "arm"])).status, 2);
});

test("image usage shows an image's own and shared size, the largest first", async () => {
  await using endpoint = await serveCli();
  const usage = (prefix: string, own: number) => ({
    id: digest(prefix),
    names: [`registry.example/${prefix}@${digest(prefix)}`, `registry.example/${prefix}:1`],
    content: { own, shared: 2_000_000 },
    unpacked: { own: own * 2, shared: 4_000_000 },
  });
  endpoint.engine.usages = async () => [usage("aa", 1_000_000), usage("bb", 3_000_000)];
  const { stdout } = await endpoint.run(["image", "usage"]);
  const rows = stdout
    .trimEnd()
    .split("\n")
    .map((line) => line.split(/ {2,}/));
  assert.deepEqual(rows, [
    ["IMAGE", "IMAGE ID", "CONTENT", "SHARED", "UNPACKED", "SHARED"],
    ["registry.example/bb:1", id("bb").slice(0, 12), "3.0 MB", "2.0 MB", "6.0 MB", "4.0 MB"],
    ["registry.example/aa:1", id("aa").slice(0, 12), "1.0 MB", "2.0 MB", "2.0 MB", "4.0 MB"],
  ]);
  const json = JSON.parse((await endpoint.run(["image", "usage", "-o", "json"])).stdout);
  assert.deepEqual(json.images[1].content, { own: "1000000", shared: "2000000" });
});

test("these commands report with another runtime that they need berthd", async () => {
  await using endpoint = await serveCli({ plainCri: true });
  for (const argv of [
    ["images", "--all"],
    ["image", "usage"],
  ]) {
    const { status, stderr } = await endpoint.run(argv);
    assert.notEqual(status, 0);
    assert.match(stderr, /needs berthd/);
  }
});
