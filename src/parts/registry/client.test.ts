import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { imageOf, indexOf } from "../../testing/images.ts";
import { pushImage, startRegistry, type TestRegistry } from "../../testing/registry.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { mediaType, parseManifest } from "../oci/index.ts";
import { createRegistry, RegistryError } from "./index.ts";
import { collect, referenceTo, testOptions } from "./testing/options.ts";

const run = promisify(execFile);
const hasCode = (code: string) => (error: unknown) => error instanceof RegistryError && error.code === code;

describe("against a real registry", () => {
  let server: TestRegistry;
  before(async () => {
    server = await startRegistry();
  });
  after(() => server[Symbol.asyncDispose]());

  for (const format of ["oci", "docker"] as const) {
    test(`an image in the format ${format} is resolved by tag and by digest, and its parts are fetched`, async () => {
      const image = await imageOf({ format });
      await pushImage(server, format, "v1", image);
      await using registry = createRegistry(testOptions());
      const reference = referenceTo(server, `${format}:v1`);
      const { descriptor, bytes } = await registry.resolve(reference);
      assert.deepEqual(descriptor, image.target);
      assert.deepEqual(await registry.probe(reference), image.target);
      const byDigest = await registry.resolve(referenceTo(server, `${format}@${image.target.digest}`));
      assert.deepEqual(byDigest.bytes, bytes);
      const manifest = parseManifest(bytes, descriptor.mediaType);
      const config = await registry.fetchSmall(reference, manifest.config);
      assert.deepEqual(config, image.blobs.get(manifest.config.digest)?.bytes);
      const [layer] = manifest.layers;
      assert.ok(layer);
      const blob = await collect(registry.fetchBlob(reference, layer, 0));
      assert.deepEqual(blob.bytes, image.blobs.get(layer.digest)?.bytes);
      const rest = await collect(registry.fetchBlob(reference, layer, 7));
      assert.deepEqual(rest.bytes, blob.bytes.subarray(7));
    });
  }

  test("an index is resolved as an index", async () => {
    const image = await imageOf();
    const index = indexOf([[image, { os: "linux", architecture: "amd64" }]]);
    await pushImage(server, "index", "v1", index);
    await using registry = createRegistry(testOptions());
    const { descriptor } = await registry.resolve(referenceTo(server, "index:v1"));
    assert.equal(descriptor.mediaType, mediaType.ociIndex);
    assert.equal(descriptor.digest, index.target.digest);
  });

  test("an image pushed by skopeo is resolved", async () => {
    const image = await imageOf();
    await pushImage(server, "source", "v1", image);
    const flags = ["--src-tls-verify=false", "--dest-tls-verify=false", "--insecure-policy"];
    await run("skopeo", [
      "copy",
      ...flags,
      `docker://${server.host}/source:v1`,
      `docker://${server.host}/copied:v2`,
    ]);
    await using registry = createRegistry(testOptions());
    const { descriptor } = await registry.resolve(referenceTo(server, "copied:v2"));
    assert.equal(descriptor.digest, image.target.digest);
  });

  test("a missing tag or repository is NotFound, with the registry's message", async () => {
    await pushImage(server, "present", "v1", await imageOf());
    await using registry = createRegistry(testOptions());
    await assert.rejects(registry.resolve(referenceTo(server, "present:v2")), (error) => {
      assert.ok(hasCode("NotFound")(error));
      assert.match(
        String(error),
        new RegExp(`${server.host}/present:v2.*${server.host}: not found.*unknown`),
      );
      return true;
    });
    await assert.rejects(registry.probe(referenceTo(server, "absent:v1")), hasCode("NotFound"));
  });

  test("an aborted signal ends a request with Canceled", async () => {
    await using registry = createRegistry(testOptions());
    await assert.rejects(
      registry.resolve(referenceTo(server, "a:b"), AbortSignal.abort()),
      hasCode("Canceled"),
    );
  });
});

test("a host where nothing listens is named in a message that begins with RegistryUnavailable", async () => {
  const server = await startRegistry();
  const reference = referenceTo(server, "a:b");
  await server[Symbol.asyncDispose]();
  await using registry = createRegistry(testOptions());
  await assert.rejects(registry.resolve(reference), (error) => {
    assert.ok(error instanceof RegistryError && error.code === "Unavailable");
    assert.match(
      error.message,
      new RegExp(`^RegistryUnavailable: resolving .*${server.host}: connection refused`),
    );
    return true;
  });
});

test("TLS is verified with the CA that certs.d has for the host", async () => {
  await using directory = await tempDir();
  const keyFile = join(directory.path, "key.pem");
  const certificateFile = join(directory.path, "cert.pem");
  const subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  await run("openssl", [
    "req",
    "-x509",
    ...key,
    "-keyout",
    keyFile,
    "-out",
    certificateFile,
    "-days",
    "2",
    ...subject,
  ]);
  await using server = await startRegistry({ tls: { certificateFile, keyFile } });
  const hosts = join(directory.path, "certs.d", `127.0.0.1_${server.port}_`);
  await mkdir(hosts, { recursive: true });
  const options = testOptions({ certsDirs: [join(directory.path, "certs.d")] });
  const attempt = async (toml: string): Promise<unknown> => {
    await writeFile(join(hosts, "hosts.toml"), toml);
    await using registry = createRegistry(options);
    return await registry.resolve(referenceTo(server, "a:b")).catch((error: unknown) => error);
  };

  await using unconfigured = createRegistry(testOptions());
  await assert.rejects(
    unconfigured.resolve(referenceTo(server, "a:b")),
    hasCode("NotFound"),
    "loopback needs no CA",
  );
  const url = `server = "https://${server.host}"`;
  const refused = await attempt(url);
  assert.ok(refused instanceof RegistryError);
  assert.equal(refused.code, "Unavailable");
  assert.match(refused.message, /self-signed/);
  assert.ok(hasCode("NotFound")(await attempt(`${url}\nca = "../../cert.pem"`)));
  assert.ok(hasCode("NotFound")(await attempt(`${url}\nskip_verify = true`)));
  const missing = await attempt(`${url}\nca = "missing.pem"`);
  assert.ok(hasCode("InvalidArgument")(missing));
  assert.match(String(missing), /missing\.pem/);
});
