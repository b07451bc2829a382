import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { BerthError } from "../../../ground/errors/index.ts";
import type { Descriptor, Digest } from "../../../parts/oci/index.ts";
import type { Credentials } from "../../../parts/registry/index.ts";
import { artifactOf } from "../../../testing/artifacts.ts";
import { startFakeRegistry } from "../../../testing/fake-registry.ts";
import { takesPushes } from "../../../testing/fake-uploads.ts";
import { imageOf, indexOf, type TestImage } from "../../../testing/images.ts";
import { pushImage, startRegistry } from "../../../testing/registry.ts";
import { until } from "../../../testing/until.ts";
import type { PushProgress } from "../index.ts";
import { openStack, type TestStack } from "../testing/stack.ts";

const run = promisify(execFile);
const hasCode = (code: string) => (error: unknown) => error instanceof BerthError && error.code === code;
const me: Credentials = { kind: "basic", username: "me", password: "hush" };
const htpasswd = "me:$2b$04$mEP8ifnWEQrhjIl.ZWjkb.cqaC2aNzXxAqG33k2m7dMOS0s6yKNNi";
const amd64 = { os: "linux", architecture: "amd64" };
const arm64 = { os: "linux", architecture: "arm64" };

/** An image for two platforms, which share a layer. */
async function twoPlatforms(): Promise<{ index: TestImage; ours: TestImage; other: TestImage }> {
  const ours = await imageOf({ platform: amd64 });
  const other = await imageOf({ platform: arm64 });
  const index = indexOf([
    [ours, amd64],
    [other, arm64],
  ]);
  return { index, ours, other };
}

/** Puts all of an image into the content store, as another client would. */
async function store({ content, imageNames }: TestStack, name: string, image: TestImage): Promise<void> {
  for (const [digest, { bytes }] of image.blobs) await content.put(bytes, { digest });
  await imageNames.create({ name, target: image.target });
}

async function digestBySkopeo(reference: string, ...options: readonly string[]): Promise<string> {
  const { stdout } = await run("skopeo", [
    "inspect",
    "--raw",
    "--tls-verify=false",
    ...options,
    `docker://${reference}`,
  ]);
  return `sha256:${createHash("sha256").update(stdout).digest("hex")}`;
}

describe("push", () => {
  test("sends an image to a registry that requires a password, and skopeo finds it there with equal digests", async () => {
    await using from = await startRegistry();
    await using to = await startRegistry({ htpasswd });
    await using stack = await openStack();
    const pulled = await imageOf();
    await pushImage(from, "app", "v1", pulled);
    await stack.images.pull({ reference: `${from.host}/app:v1` });
    const destination = `${to.host}/team/app:v2`;
    await assert.rejects(
      stack.images.push({ image: `${from.host}/app:v1`, destination }),
      hasCode("Unauthenticated"),
    );
    const progress: PushProgress[] = [];
    const pushed = await stack.images.push({
      image: `${from.host}/app:v1`,
      destination,
      credentials: me,
      onProgress: (step) => progress.push(step),
    });
    assert.deepEqual(pushed, { reference: destination, digest: pulled.target.digest });
    assert.equal(await digestBySkopeo(destination, "--creds=me:hush"), pulled.target.digest);
    assert.equal(progress[0]?.kind, "resolved");
    const done = progress.flatMap((step) =>
      step.kind === "blob" && step.state === "done" ? [step.digest] : [],
    );
    assert.equal(new Set(done).size, 2, "the layer and the config");
    assert.deepEqual(stack.leases.held(), []);
  });

  test("mounts what it pulled or pushed from other repositories of the registry", async () => {
    await using server = await startRegistry();
    await using stack = await openStack();
    await pushImage(server, "app", "v1", await imageOf());
    await stack.images.pull({ reference: `${server.host}/app:v1` });
    const states = async (destination: string) => {
      const seen = new Map<Digest, string>();
      await stack.images.push({
        image: `${server.host}/app:v1`,
        destination: `${server.host}/${destination}`,
        onProgress: (step) => step.kind === "blob" && seen.set(step.digest, step.state),
      });
      return [...seen.values()];
    };
    assert.deepEqual(await states("copy:v1"), ["mounted", "mounted"]);
    assert.deepEqual(await states("copy:v2"), ["exists", "exists"]);
  });

  test("sends an index with all its platforms, or the image of one", async () => {
    await using server = await startRegistry();
    await using stack = await openStack();
    const { index, ours, other } = await twoPlatforms();
    await store(stack, "registry.example/app:v1", index);
    const push = async (tag: string, platform?: typeof arm64 | "all") => {
      const destination = `${server.host}/app:${tag}`;
      await stack.images.push({
        image: "registry.example/app:v1",
        destination,
        ...(platform === undefined ? {} : { platform }),
      });
      return await digestBySkopeo(destination);
    };
    assert.equal(await push("here"), ours.target.digest);
    assert.equal(await push("arm64", arm64), other.target.digest);
    assert.equal(await push("all", "all"), index.target.digest);
    await assert.rejects(push("s390x", { os: "linux", architecture: "s390x" }), hasCode("NotFound"));
  });

  test("of an index whose platforms are not all stored fails before anything is sent, unless the registry has the rest", async () => {
    await using server = await startRegistry();
    await using stack = await openStack();
    const { index } = await twoPlatforms();
    await pushImage(server, "app", "v1", index);
    const image = `${server.host}/app:v1`;
    await stack.images.pull({ reference: image });
    await using other = await startFakeRegistry({}, takesPushes().answer);
    await assert.rejects(
      stack.images.push({ image, destination: `${other.host}/app`, platform: "all" }),
      (error) => hasCode("FailedPrecondition")(error) && /linux\/arm64 is missing/.test(String(error)),
    );
    assert.ok(other.requests.every(({ method }) => method === "HEAD"));
    const destination = `${server.host}/app:v2`;
    assert.deepEqual(await stack.images.push({ image, destination, platform: "all" }), {
      reference: destination,
      digest: index.target.digest,
    });
  });

  test("of a layer that was not kept fails with its digest, unless the registry has it", async () => {
    await using server = await startRegistry();
    await using stack = await openStack();
    const pulled = await imageOf();
    await pushImage(server, "app", "v1", pulled);
    const image = `${server.host}/app:v1`;
    const [layer] = (await stack.images.pull({ reference: image })).layers as readonly Descriptor[];
    assert.ok(layer);
    await stack.content.delete(layer.digest);
    await using other = await startRegistry();
    await assert.rejects(
      stack.images.push({ image, destination: `${other.host}/app` }),
      (error) => hasCode("FailedPrecondition")(error) && String(error).includes(layer.digest),
    );
    await stack.images.push({ image, destination: `${server.host}/copy:v1` });
    assert.equal(await digestBySkopeo(`${server.host}/copy:v1`), pulled.target.digest);
  });

  test("sends artifacts, too, by digest if the destination is one", async () => {
    await using server = await startRegistry();
    await using stack = await openStack();
    const artifact = artifactOf({ layers: [{ mediaType: "text/plain", bytes: Buffer.from("hello") }] });
    await store(stack, "registry.example/notes:v1", artifact);
    const destination = `${server.host}/notes@${artifact.target.digest}`;
    await stack.images.push({ image: "registry.example/notes:v1", destination });
    assert.equal(await digestBySkopeo(destination), artifact.target.digest);
    const wrong = `${server.host}/notes@sha256:${"0".repeat(64)}`;
    await assert.rejects(
      stack.images.push({ image: "registry.example/notes:v1", destination: wrong }),
      hasCode("InvalidArgument"),
    );
  });

  test("of a missing image is NotFound, and an id alone has no destination", async () => {
    await using stack = await openStack();
    await assert.rejects(stack.images.push({ image: "nothing:v1" }), hasCode("NotFound"));
    const image = await imageOf();
    await store(stack, "registry.example/app:v1", image);
    await until(() => stack.images.list().length === 1);
    const id = stack.images.list()[0]?.id ?? "";
    await assert.rejects(stack.images.push({ image: id }), hasCode("InvalidArgument"));
    await stack.imageNames.create({
      name: "registry.example/gone:v1",
      target: { ...image.target, digest: `sha256:${"0".repeat(64)}` as Digest },
    });
    await assert.rejects(stack.images.push({ image: "registry.example/gone:v1" }), hasCode("NotFound"));
  });

  test("that is cancelled or killed leaves the store unchanged, holds its content meanwhile, and can be repeated", async () => {
    await using stack = await openStack();
    const image = await imageOf();
    await store(stack, "registry.example/app:v1", image);
    const before = stack.content.list();
    let held = Promise.withResolvers<void>();
    let stalls = true;
    const uploads = takesPushes(({ method }) => {
      if (method !== "PUT" || !stalls) return false;
      held.resolve();
      return true;
    });
    await using server = await startFakeRegistry({}, uploads.answer);
    const abort = new AbortController();
    const destination = `${server.host}/app:v1`;
    const pushing = stack.images.push({ image: "registry.example/app:v1", destination }, abort.signal);
    const refused = assert.rejects(pushing);
    await held.promise;
    await stack.imageNames.delete(["registry.example/app:v1"]);
    await stack.images.collectGarbage();
    assert.deepEqual(stack.content.list(), before, "a push in progress keeps what it pushes");
    abort.abort();
    await refused;
    assert.deepEqual(stack.leases.held(), []);
    assert.equal(uploads.manifests.size, 0, "no tag stands for half an image");
    await stack.imageNames.create({ name: "registry.example/app:v1", target: image.target });
    stalls = false;
    held = Promise.withResolvers();
    await stack.images.push({ image: "registry.example/app:v1", destination });
    assert.ok(uploads.manifests.has("app v1"));
  });
});

describe("tag", () => {
  test("gives an image another name, by name or id, even a name of another image", async () => {
    await using stack = await openStack();
    const [one, other] = [await imageOf(), await imageOf({ config: { User: "other" } })];
    await store(stack, "registry.example/one:v1", one);
    await store(stack, "registry.example/other:v1", other);
    await until(() => stack.images.list().length === 2);
    assert.equal(
      await stack.images.tag("registry.example/one:v1", "busybox"),
      "docker.io/library/busybox:latest",
    );
    assert.equal(stack.imageNames.get("docker.io/library/busybox:latest")?.target.digest, one.target.digest);
    const id = stack.images.find("registry.example/other:v1")?.id ?? "";
    await stack.images.tag(id.slice(7, 19), "busybox");
    assert.equal(
      stack.imageNames.get("docker.io/library/busybox:latest")?.target.digest,
      other.target.digest,
    );
    assert.deepEqual(stack.leases.held(), []);
  });

  test("of a missing image is NotFound, and a name with a digest is refused", async () => {
    await using stack = await openStack();
    await assert.rejects(stack.images.tag("nothing", "a"), hasCode("NotFound"));
    await assert.rejects(
      stack.images.tag("nothing", `a@sha256:${"0".repeat(64)}`),
      hasCode("InvalidArgument"),
    );
    await assert.rejects(stack.images.tag("nothing", "A b"), hasCode("InvalidArgument"));
  });
});
