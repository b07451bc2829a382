import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import grpc from "@grpc/grpc-js";
import { digestOf, type Manifest, mediaType, parseManifest } from "../../parts/oci/index.ts";
import { imageOf } from "../../testing/images.ts";
import { answerQuestion } from "../../testing/key-provider.ts";
import { pushImage, startRegistry, type TestRegistry } from "../../testing/registry.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { openStack, type StackOptions } from "./testing/stack.ts";

const run = promisify(execFile);
const program = fileURLToPath(new URL("../../testing/key-provider.ts", import.meta.url));
const keyPair = () =>
  generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
const [owner, stranger] = [keyPair(), keyPair()];
const signal = new AbortController().signal;
const layers = [
  [{ name: "hello", content: "hello\n" }],
  [{ name: "big", content: "abcdefgh".repeat(200_000) }],
];

type OpenOptions = Pick<StackOptions, "kind"> & { readonly keyProviders?: string };

/** A provider of ocicrypt's gRPC protocol. */
async function startService(
  { privateKey }: { readonly privateKey: string },
  credentials = grpc.ServerCredentials.createInsecure(),
): Promise<AsyncDisposable & { readonly address: string }> {
  const server = new grpc.Server();
  const field = (1 << 3) | 2;
  const method = (name: string) => ({
    path: `/keyprovider.KeyProviderService/${name}`,
    requestStream: false,
    responseStream: false,
    requestDeserialize: (message: Buffer) => {
      const reader = new BinaryReader(message);
      reader.uint32();
      return Buffer.from(reader.bytes());
    },
    requestSerialize: (bytes: Buffer) => bytes,
    responseDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: (answer: Buffer) =>
      Buffer.from(new BinaryWriter().uint32(field).bytes(answer).finish()),
  });
  const answer: grpc.handleUnaryCall<Buffer, Buffer> = ({ request }, reply) => {
    try {
      reply(null, answerQuestion(privateKey, request));
    } catch {
      reply({ code: grpc.status.PERMISSION_DENIED, details: "not for this node" });
    }
  };
  server.addService({ unWrapKey: method("UnWrapKey") }, { unWrapKey: answer });
  const port = await promisify(server.bindAsync.bind(server))("127.0.0.1:0", credentials);
  return {
    address: `127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => server.forceShutdown(),
  };
}

describe("an image with encrypted layers", () => {
  let directory: Awaited<ReturnType<typeof tempDir>>;
  let registry: TestRegistry;
  let service: Awaited<ReturnType<typeof startService>>;
  const byProgram = (who: "owner" | "stranger") => ({
    cmd: { path: process.execPath, args: [program, join(directory.path, `${who}.pem`)] },
  });
  let files = 0;
  /** A file of key providers. */
  const providers = async (of: object): Promise<string> => {
    const file = join(directory.path, `providers-${files++}.json`);
    await writeFile(file, JSON.stringify({ "key-providers": of }));
    return file;
  };
  /** Has skopeo encrypt the image for the owner's key, and says that these providers have that. */
  const encrypt = async (names: readonly string[], to: string): Promise<string> => {
    const reference = `${registry.host}/${to}`;
    const tls = ["--src-tls-verify=false", "--dest-tls-verify=false"];
    const key = ["--encryption-key", `jwe:${join(directory.path, "owner.pub")}`];
    const source = `docker://${registry.host}/plain:v1`;
    await run("skopeo", ["--insecure-policy", "copy", ...tls, ...key, source, `docker://${reference}`]);
    const { bytes } = await manifestOf(reference);
    const written = bytes.toString();
    const jwe = "org.opencontainers.image.enc.keys.jwe";
    const manifest = JSON.parse(written) as { layers: { annotations: Record<string, string> }[] };
    for (const { annotations } of manifest.layers) {
      for (const name of names)
        annotations[`org.opencontainers.image.enc.keys.provider.${name}`] = annotations[jwe] ?? "";
      delete annotations[jwe];
    }
    await putManifest(reference, JSON.stringify(manifest));
    return reference;
  };
  const open = ({ keyProviders, kind = "overlayfs" }: OpenOptions = {}) =>
    openStack({ kind, layerKeys: { keyProviders, decryptionKeys: undefined } });
  const urlOf = (reference: string): string => {
    const [host, path = ""] = reference.split(/\/(.*)/s);
    const [name, tag] = path.split(":");
    return `http://${host}/v2/${name}/manifests/${tag}`;
  };
  const manifestOf = async (reference: string): Promise<{ bytes: Buffer; manifest: Manifest }> => {
    const answer = await fetch(urlOf(reference), { headers: { accept: mediaType.ociManifest } });
    const bytes = Buffer.from(await answer.arrayBuffer());
    return { bytes, manifest: parseManifest(bytes, mediaType.ociManifest) };
  };
  const putManifest = async (reference: string, body: string): Promise<void> => {
    const headers = { "content-type": mediaType.ociManifest };
    const answer = await fetch(urlOf(reference), { method: "PUT", headers, body });
    assert.equal(answer.status, 201);
  };
  before(async () => {
    directory = await tempDir();
    registry = await startRegistry();
    service = await startService(owner);
    await writeFile(join(directory.path, "owner.pub"), owner.publicKey);
    await writeFile(join(directory.path, "owner.pem"), owner.privateKey);
    await writeFile(join(directory.path, "stranger.pem"), stranger.privateKey);
    await pushImage(registry, "plain", "v1", await imageOf({ layers }));
  });
  after(async () => {
    await service[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
    await directory[Symbol.asyncDispose]();
  });

  for (const kind of ["overlayfs", "native", "erofs"] as const)
    test(`is pulled with keys that a program unwraps, and pushed unchanged: ${kind}`, async () => {
      const mine = { mine: byProgram("owner") };
      const reference = await encrypt(["mine"], `${kind}:v1`);
      await using stack = await open({ kind, keyProviders: await providers(mine) });
      const image = await stack.images.pull({ reference });
      const { bytes, manifest } = await manifestOf(reference);
      for (const layer of manifest.layers) assert.match(layer.mediaType, /\+encrypted$/);
      await stack.inRootfs(image, async (root) => {
        assert.equal(await readFile(join(root, "hello"), "utf8"), "hello\n");
        assert.equal(await readFile(join(root, "big"), "utf8"), "abcdefgh".repeat(200_000));
      });
      await using other = await startRegistry();
      await stack.images.push({ image: reference, destination: `${other.host}/copy:v1` });
      assert.deepEqual((await manifestOf(`${other.host}/copy:v1`)).bytes, bytes);
    });

  test("is pulled with keys that a gRPC service unwraps, even if another provider refuses first", async () => {
    const reference = await encrypt(["first", "second"], "service:v1");
    const both = { first: byProgram("stranger"), second: { grpc: service.address } };
    const keyProviders = await providers(both);
    await using stack = await open({ keyProviders });
    const image = await stack.images.pull({ reference });
    await stack.inRootfs(image, async (root) =>
      assert.equal(await readFile(join(root, "hello"), "utf8"), "hello\n"),
    );
  });

  test("is pulled with keys from a service with the expected certificate, and from no other", async () => {
    const [key, certificate] = [join(directory.path, "tls.key"), join(directory.path, "tls.pem")];
    const named = ["-subj", "/CN=keys", "-addext", "subjectAltName=DNS:keys.test"];
    const made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate];
    await run("openssl", [...made, ...named]);
    const pair = { private_key: await readFile(key), cert_chain: await readFile(certificate) };
    await using secured = await startService(owner, grpc.ServerCredentials.createSsl(null, [pair]));
    const reference = await encrypt(["mine"], "tls:v1");
    const pull = async (tls: object) => {
      const mine = { grpc: secured.address, "grpc-tls": { "server-name": "keys.test", ...tls } };
      await using stack = await open({ keyProviders: await providers({ mine }) });
      await stack.images.pull({ reference });
    };
    await pull({ "root-ca-file": certificate });
    await assert.rejects(pull({}), { code: "Unavailable" });
    await assert.rejects(pull({ "root-ca-file": certificate, "server-name": "other.test" }), {
      code: "Unavailable",
    });
    await assert.rejects(pull({ "root-ca-file": "/nonexistent" }), { code: "FailedPrecondition" });
    await assert.rejects(pull({ "insecure-skip-verify": true }), {
      code: "FailedPrecondition",
      message: /insecure-skip-verify: anyone who answers could see keys/,
    });
  });

  test("is refused before a layer is fetched if its provider refuses, is unreachable or is not known", async () => {
    const reference = await encrypt(["mine", "far"], "refused:v1");
    await using unwilling = await startService(stranger);
    const cases: readonly (readonly [object, string, RegExp])[] = [
      [{ mine: byProgram("stranger") }, "FailedPrecondition", /provider "mine": .* failed \(1\): "/],
      [{ mine: { cmd: { path: "/nonexistent" } } }, "FailedPrecondition", /\/nonexistent failed \(ENOENT\)/],
      [{ mine: { cmd: { path: "/bin/true" } } }, "FailedPrecondition", /its answer has no key/],
      [{ far: { grpc: unwilling.address } }, "FailedPrecondition", /provider "far": .*: not for this node/],
      [{ far: { grpc: "127.0.0.1:1" } }, "Unavailable", /provider "far": 127\.0\.0\.1:1: /],
      [
        { yours: byProgram("owner") },
        "Unimplemented",
        /for the key provider "mine".*there are the key provider "yours"/,
      ],
      [{ mine: { grpc: "" } }, "FailedPrecondition", /key-providers\.mine: expected either cmd or grpc/],
      [{ mine: { cmd: { path: "bin" } } }, "FailedPrecondition", /cmd\.path: expected an absolute path/],
    ];
    for (const [of, code, message] of cases) {
      await using stack = await open({ keyProviders: await providers(of) });
      await assert.rejects(stack.images.pull({ reference }), { code, message });
      assert.deepEqual([stack.content.list(), stack.snapshotter.list()], [[], []]);
    }
  });

  test("is refused without its keys even if its layers are already unpacked", async () => {
    const mine = { mine: byProgram("owner") };
    const reference = await encrypt(["mine"], "again:v1");
    const keyProviders = await providers(mine);
    await using stack = await open({ keyProviders });
    await stack.images.pull({ reference });
    await writeFile(keyProviders, JSON.stringify({ "key-providers": { mine: byProgram("stranger") } }));
    await assert.rejects(stack.images.pull({ reference }), { code: "FailedPrecondition" });
  });

  test("is refused by the HMAC if its bytes were changed along with the digest, and leaves no snapshot", async () => {
    const mine = { mine: byProgram("owner") };
    const reference = await encrypt(["mine"], "changed:v1");
    const { manifest } = await manifestOf(reference);
    const blobs = new Map<ReturnType<typeof digestOf>, { mediaType: string; bytes: Uint8Array }>();
    const fetched = async (digest: string) =>
      Buffer.from(await (await fetch(`http://${registry.host}/v2/changed/blobs/${digest}`)).arrayBuffer());
    const config = await fetched(manifest.config.digest);
    blobs.set(manifest.config.digest, { mediaType: mediaType.ociConfig, bytes: config });
    const changed = await Promise.all(
      manifest.layers.map(async (layer) => {
        const bytes = await fetched(layer.digest);
        // Of gzip's header the time, which nothing looks at: only the HMAC tells.
        bytes.writeUInt8(bytes.readUInt8(5) ^ 1, 5);
        blobs.set(digestOf(bytes), { mediaType: layer.mediaType, bytes });
        return { ...layer, digest: digestOf(bytes) };
      }),
    );
    const document = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaType.ociManifest,
        config: manifest.config,
        layers: changed,
      }),
    );
    const target = { mediaType: mediaType.ociManifest, digest: digestOf(document), size: document.length };
    blobs.set(target.digest, { mediaType: target.mediaType, bytes: document });
    await pushImage(registry, "tampered", "v1", { target, blobs });
    await using stack = await open({ keyProviders: await providers(mine) });
    await assert.rejects(stack.images.pull({ reference: `${registry.host}/tampered:v1` }), {
      code: "FailedPrecondition",
      message: /its HMAC does not match the key/,
    });
    assert.deepEqual(stack.snapshotter.list(), []);
  });

  test("is saved unchanged, and the archive is loaded with its keys", async () => {
    const mine = { mine: byProgram("owner") };
    const reference = await encrypt(["mine"], "saved:v1");
    const keyProviders = await providers(mine);
    const file = join(directory.path, "saved.tar");
    {
      await using stack = await open({ keyProviders });
      await stack.images.pull({ reference });
      await using archive = await stack.images.save({ images: [reference], format: "oci" }, signal);
      await writeFile(file, Buffer.concat(await Array.fromAsync(archive.bytes)));
    }
    await using without = await open();
    await assert.rejects(without.images.importArchive(file), {
      code: "Unimplemented",
      message:
        /for the key provider "mine"; .*none is configured \(images\.decryption_keys_dir, images\.key_providers\)/,
    });
    await using stack = await open({ keyProviders });
    const [{ id } = { id: "" }] = await stack.images.importArchive(file);
    const image = stack.images.find(id);
    assert.ok(image !== undefined);
    await stack.inRootfs(image, async (root) =>
      assert.equal(await readFile(join(root, "hello"), "utf8"), "hello\n"),
    );
  });
});
