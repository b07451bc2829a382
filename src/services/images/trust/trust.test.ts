import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { messageOf } from "../../../ground/errors/index.ts";
import { mediaType } from "../../../parts/oci/index.ts";
import { imageOf, indexOf, type TestImage } from "../../../testing/images.ts";
import { pushImage, startRegistry, type TestRegistry } from "../../../testing/registry.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import { Signer } from "../testing/signing.ts";
import { openStack, type TestStack } from "../testing/stack.ts";

const layers = [[{ name: "file", content: "of an image" }]];
const other = [[{ name: "file", content: "of another image" }]];
const matchRepository = { type: "matchRepository" };

/** A policy file in which each scope of a registry has one requirement; everything else is rejected. */
async function writePolicy(file: string, scopes: Readonly<Record<string, object>>): Promise<void> {
  const docker = Object.fromEntries(Object.entries(scopes).map(([scope, each]) => [scope, [each]]));
  await writeFile(file, JSON.stringify({ default: [{ type: "reject" }], transports: { docker } }));
}

describe("a pull under a signature policy", () => {
  let directory: Awaited<ReturnType<typeof tempDir>>;
  let registry: TestRegistry;
  let signer: Signer;
  let stack: TestStack;
  let policy: string;
  let image: TestImage;
  const sign = (by: "gpg" | "sigstore", repository: string, tag: string): Promise<void> =>
    by === "gpg"
      ? signer.signByGpg(registry, { from: "plain:v1", to: `${repository}:${tag}` })
      : signer.pushSigned(registry, { image, repository, tag });
  const under = (scopes: Readonly<Record<string, object>>): Promise<void> =>
    writePolicy(
      policy,
      Object.fromEntries(Object.entries(scopes).map(([path, each]) => [`${registry.host}${path}`, each])),
    );
  const pull = (name: string) => stack.images.pull({ reference: `${registry.host}/${name}` });
  const refused = (why: RegExp) => (error: Error) => {
    assert.match(error.message, /^SignatureValidationFailed: /);
    assert.match(error.message, why);
    assert.equal((error as Error & { readonly code?: string }).code, "PermissionDenied");
    return true;
  };
  const gpg = (more: object = {}) => ({
    type: "signedBy",
    keyType: "GPGKeys",
    keyData: Buffer.from(signer.gpgPublicKey).toString("base64"),
    ...more,
  });
  const sigstore = (more: object = {}) => ({
    type: "sigstoreSigned",
    keyData: Buffer.from(signer.sigstorePublicKey).toString("base64"),
    ...more,
  });

  before(async () => {
    directory = await tempDir();
    policy = join(directory.path, "policy.json");
    registry = await startRegistry();
    signer = await Signer.create(directory.path);
    stack = await openStack({ trust: { policy, registriesDir: signer.registriesDir } });
    image = await imageOf({ layers });
    await pushImage(registry, "plain", "v1", image);
    await pushImage(registry, "other", "v1", await imageOf({ layers: other }));
    await sign("gpg", "gpg", "v1");
    await sign("sigstore", "sigstore", "v1");
  });
  after(async () => {
    await stack[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
    await directory[Symbol.asyncDispose]();
  });

  test("accepts what its scope accepts, and refuses what no scope names", async () => {
    await under({ "/plain": { type: "insecureAcceptAnything" } });
    await pull("plain:v1");
    await assert.rejects(
      pull("other:v1"),
      refused(/other:v1: images of this scope are rejected \(policy .*policy\.json\)/),
    );
  });

  for (const by of ["gpg", "sigstore"] as const) {
    const requirement = () => (by === "gpg" ? gpg() : sigstore());

    test(`accepts an image that is signed by ${by}, by its tag and by its digest`, async () => {
      await under({ "": requirement() });
      const pulled = await pull(`${by}:v1`);
      const byDigest = `${registry.host}/${by}@${image.target.digest}`;
      assert.equal((await stack.images.pull({ reference: byDigest })).id, pulled.id);
    });

    test(`refuses an image without a signature by ${by}, even if it is already here`, async () => {
      await under({ "/plain": { type: "insecureAcceptAnything" } });
      await pull("plain:v1");
      await under({ "": requirement() });
      await assert.rejects(pull("plain:v1"), refused(/a signature is required, but none was found/));
    });

    test(`refuses another image with this image's signature by ${by}`, async () => {
      await under({ "": requirement() });
      await pushImage(registry, by, "v2", await imageOf({ layers: other }));
      await assert.rejects(pull(`${by}:v2`), refused(/none was found/));
    });

    test(`refuses a signature by ${by} that names another repository or tag, unless its rule allows that`, async () => {
      const signed = `${by === "gpg" ? "gpg" : "sigstore"}:v1`;
      await sign(by, `moved-${by}`, "v1");
      await sign(by, `moved-${by}`, "v3");
      const rule = (signedIdentity: object) => ({ ...requirement(), signedIdentity });
      const exact = (name: string) =>
        rule({ type: "exactReference", dockerReference: `${registry.host}/${name}` });
      await under({ "": exact("elsewhere:v1") });
      await assert.rejects(pull(signed), refused(/is for .*:v1, which exactReference does not accept/));
      await under({ "": exact(signed) });
      await pull(signed);
      await under({
        "": rule({ type: "exactRepository", dockerRepository: `${registry.host}/moved-${by}` }),
      });
      await pull(`moved-${by}:v3`);
      await under({
        "": rule({ type: "remapIdentity", prefix: registry.host, signedPrefix: "vendor.example" }),
      });
      await assert.rejects(pull(signed), refused(/remapIdentity does not accept/));
    });
  }

  test("accepts a signature from a web server, and refuses the image if it has none", async () => {
    await using directory = await tempDir();
    const signatures = new Map<string, Buffer>();
    const server = createServer((request, response) => {
      const found = signatures.get(request.url ?? "");
      response.writeHead(found === undefined ? 404 : 200).end(found);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    try {
      const yaml = `docker:\n  ${registry.host}/gpg:\n    lookaside: http://127.0.0.1:${port}/signatures\n`;
      await writeFile(join(directory.path, "web.yaml"), yaml);
      await using web = await openStack({ trust: { policy, registriesDir: directory.path } });
      await under({ "": gpg() });
      const reference = `${registry.host}/gpg:v1`;
      await assert.rejects(web.images.pull({ reference }), refused(/none was found/));
      const path = `gpg@${image.target.digest.replace(":", "=")}/signature-1`;
      signatures.set(`/signatures/${path}`, await readFile(join(signer.lookaside, path)));
      await web.images.pull({ reference });
    } finally {
      server.close();
    }
  });

  test("refuses a signature by a key that is not the policy's", async () => {
    await using another = await tempDir();
    const stranger = await Signer.create(another.path);
    await under({ "": gpg({ keyData: Buffer.from(stranger.gpgPublicKey).toString("base64") }) });
    await assert.rejects(pull("gpg:v1"), refused(/none is valid: it is not by a key of the policy/));
    const keyFile = join(another.path, "other.pub");
    await writeFile(
      keyFile,
      "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n",
    );
    await under({ "": { type: "sigstoreSigned", keyPath: keyFile } });
    await assert.rejects(pull("sigstore:v1"), refused(/it is not by a key of the policy/));
  });

  test("does not look for sigstore signatures where registries.d says that there are none", async () => {
    await under({ "": sigstore({ signedIdentity: matchRepository }) });
    const { registriesDir } = signer;
    const file = join(registriesDir, "without.yaml");
    await writeFile(file, `docker:\n  ${registry.host}/sigstore:\n    use-sigstore-attachments: false\n`);
    await assert.rejects(pull("sigstore:v1"), refused(/none was found/));
    await writeFile(file, "");
    await pull("sigstore:v1");
  });

  test("accepts a bundle whose subject is the image, if any name is allowed", async () => {
    await signer.pushBundled(registry, { image, repository: "bundled", tag: "v1" });
    await pushImage(registry, "bundled", "v2", await imageOf({ layers: other }));
    await under({ "": sigstore({ signedIdentity: { type: "matchDigest" } }) });
    await pull("bundled:v1");
    await assert.rejects(pull("bundled:v2"), refused(/none was found/));
    await under({ "": sigstore({ signedIdentity: matchRepository }) });
    await assert.rejects(
      pull("bundled:v1"),
      refused(/it names no image, which only signedIdentity of type matchDigest accepts/),
    );
  });

  // crane and skopeo delete a signature and leave it listed (findings/referrers-left-by-delete.sh).
  test("accepts a bundle that is listed beside a deleted one", async () => {
    await signer.pushBundled(registry, { image, repository: "listed", tag: "v1" });
    const gone = await imageOf({ layers: other });
    await pushImage(registry, "listed", "gone", gone);
    const manifests = `http://${registry.host}/v2/listed/manifests`;
    const list = `${manifests}/${image.target.digest.replace(":", "-")}`;
    const asked = { headers: { accept: mediaType.ociIndex } };
    const { manifests: listed } = (await (await fetch(list, asked)).json()) as {
      manifests: readonly object[];
    };
    const body = JSON.stringify({ schemaVersion: 2, manifests: [gone.target, ...listed] });
    const headers = { "content-type": mediaType.ociIndex };
    assert.equal((await fetch(list, { method: "PUT", headers, body })).status, 201);
    assert.equal((await fetch(`${manifests}/${gone.target.digest}`, { method: "DELETE" })).status, 202);
    await under({ "": sigstore({ signedIdentity: { type: "matchDigest" } }) });
    await pull("listed:v1");
  });

  test("ignores signatures whose bytes were deleted, and refuses an image whose signature tag holds none", async () => {
    await signer.pushSigned(registry, { image, repository: "deleted", tag: "v1" });
    const tag = `${image.target.digest.replace(":", "-")}.sig`;
    const repository = `http://${registry.host}/v2/deleted`;
    const signatures = await fetch(`${repository}/manifests/${tag}`, {
      headers: { accept: mediaType.ociManifest },
    });
    const { layers: kept } = (await signatures.json()) as { layers: readonly { readonly digest: string }[] };
    for (const { digest } of kept) await fetch(`${repository}/blobs/${digest}`, { method: "DELETE" });
    await under({ "": sigstore() });
    await assert.rejects(pull("deleted:v1"), refused(/a signature is required, but none was found/));
    await pushImage(registry, "deleted", tag, indexOf([]));
    await assert.rejects(pull("deleted:v1"), {
      code: "FailedPrecondition",
      message:
        /^SignatureValidationFailed: \S+ cannot be checked: cannot read the signatures at sha256-\w+\.sig/,
    });
  });

  test("accepts an image from an index if a signature covers the index", async () => {
    const index = indexOf([[await imageOf({ layers: other }), { os: "linux", architecture: "amd64" }]]);
    await signer.pushSigned(registry, { image: index, repository: "index", tag: "v1" });
    await pushImage(registry, "index", "unsigned", index);
    await under({ "": sigstore() });
    await pull("index:v1");
    await assert.rejects(pull("index:unsigned"), refused(/which matchRepoDigestOrExact does not accept/));
  });

  test("fails if a policy cannot be read or understood, and says where", async () => {
    await writeFile(policy, '{"default": [{"type": "sigstoreSigned", "keyPath": "/a", "keyFile": "/b"}]}');
    await assert.rejects(pull("plain:v1"), {
      code: "FailedPrecondition",
      message:
        /^SignatureValidationFailed: .*plain:v1 cannot be checked: .*policy\.json: default\[0\]: unknown field "keyFile"/,
    });
    await assert.rejects(pull("plain:v1"), (error) => messageOf(error).match(/"keyFile"/g)?.length === 1);
    await under({ "": { type: "sigstoreSigned", keyPath: "/nonexistent/key" } });
    await assert.rejects(pull("sigstore:v1"), {
      code: "FailedPrecondition",
      message:
        /^SignatureValidationFailed: .* cannot read a key of the signature policy: .*\/nonexistent\/key/,
    });
  });
});
