import assert from "node:assert/strict";
import { test } from "node:test";
import { id, image } from "../../doors/cri/testing/samples.ts";
import { parseDigest } from "../../parts/oci/index.ts";
import { RegistryError } from "../../parts/registry/index.ts";
import type { PushRequest } from "../../services/images/index.ts";
import { serveCli } from "./testing/cli.ts";

const digest = parseDigest(`sha256:${id("dd")}`);
const blobs = ["aa", "bb", "cc"].map((prefix) => ({
  mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
  digest: parseDigest(`sha256:${id(prefix)}`),
  size: 1_500_000,
}));

/** A push of three blobs, one of which is there already, and one in another repository. */
async function playPush({ onProgress, destination = "registry.example/a:1" }: PushRequest) {
  onProgress?.({ kind: "resolved", blobs });
  for (const [index, state] of (["exists", "mounted", "done"] as const).entries())
    onProgress?.({
      kind: "blob",
      digest: blobs[index]?.digest ?? digest,
      state,
      sentBytes: 0,
      totalBytes: 1_500_000,
    });
  return { reference: destination, digest };
}

test("push prints the reference in the registry on stdout, and a line for each blob on stderr", async () => {
  await using endpoint = await serveCli();
  endpoint.engine.push = playPush;
  const { status, stdout, stderr } = await endpoint.run(["push", "busybox", "registry.example/b:2"]);
  assert.equal(status, 0);
  assert.equal(stdout, `registry.example/b:2@${digest}\n`);
  const lines = [
    "3 blobs, 4.5 MB",
    "[1/3] aa0000000000 already there (1.5 MB)",
    "[2/3] bb0000000000 mounted from another repository (1.5 MB)",
    "[3/3] cc0000000000 done (1.5 MB)",
  ];
  assert.equal(stderr, `${lines.join("\n")}\n`);
  assert.equal((await endpoint.run(["push", "-q", "busybox"])).stderr, "");
});

test("push passes its options on, with the password from stdin", async () => {
  await using endpoint = await serveCli();
  let given: PushRequest | undefined;
  endpoint.engine.push = async (request) => {
    given = request;
    return await playPush(request);
  };
  const argv = ["push", "--all-platforms", "--creds", "robot", "registry.example/a:1"];
  assert.equal((await endpoint.run(argv, { stdin: "secret:1\n" })).status, 0);
  assert.deepEqual(given?.credentials, { kind: "basic", username: "robot", password: "secret:1" });
  assert.equal(given?.platform, "all");
  assert.equal(given?.destination, undefined);
});

for (const argv of [
  ["push", "--creds", "robot:secret", "a"],
  ["push", "--platform", "linux/arm64", "--all-platforms", "a"],
]) {
  test(`\`berth ${argv.join(" ")}\` is a usage error`, async () => {
    await using endpoint = await serveCli();
    assert.equal((await endpoint.run(argv)).status, 2);
  });
}

test("a push that fails reports the registry's reason", async () => {
  await using endpoint = await serveCli();
  endpoint.engine.push = async () => {
    throw new RegistryError("PermissionDenied", "registry.example: push access denied");
  };
  const { status, stdout, stderr } = await endpoint.run(["push", "registry.example/a:1"]);
  assert.deepEqual({ status, stdout }, { status: 1, stdout: "" });
  assert.match(stderr, /push access denied/);
});

test("tag prints the new name, and reports a missing image", async () => {
  await using endpoint = await serveCli();
  endpoint.engine.imageTable.push(image());
  const { status, stdout } = await endpoint.run(["tag", "busybox", "registry.example/b:2"]);
  assert.deepEqual({ status, stdout }, { status: 0, stdout: "registry.example/b:2\n" });
  assert.deepEqual(endpoint.engine.imageTable[0]?.repoTags.at(-1), "registry.example/b:2");
  assert.equal((await endpoint.run(["tag", "nothing", "a"])).status, 3);
});

test("push and tag say that they need berthd", async () => {
  await using endpoint = await serveCli({ plainCri: true });
  for (const argv of [
    ["push", "busybox"],
    ["tag", "busybox", "a"],
  ]) {
    const { status, stderr } = await endpoint.run(argv);
    assert.equal(status, 1);
    assert.match(stderr, /needs berthd/);
  }
});
