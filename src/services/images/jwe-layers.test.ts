import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { chmod, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { imageOf } from "../../testing/images.ts";
import { pushImage, startRegistry, type TestRegistry } from "../../testing/registry.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { openStack } from "./testing/stack.ts";

const run = promisify(execFile);
const rsa = () => generateKeyPairSync("rsa", { modulusLength: 2048 });
const curve = (namedCurve: string) => generateKeyPairSync("ec", { namedCurve });
const [owner, other, stranger] = [rsa(), curve("P-256"), rsa()];

/** The forms that every key has in files. */
const forms = [
  (key: KeyObject) => key.export({ type: "pkcs8", format: "pem" }),
  (key: KeyObject) => key.export({ type: "pkcs8", format: "der" }),
  (key: KeyObject) => JSON.stringify(key.export({ format: "jwk" })),
];

describe("an image that skopeo has encrypted for JWE keys", () => {
  let directory: Awaited<ReturnType<typeof tempDir>>;
  let registry: TestRegistry;
  let directories = 0;

  /** A directory of such files. */
  const keysDir = async (files: Readonly<Record<string, string | Buffer>>): Promise<string> => {
    const path = join(directory.path, `keys-${directories++}`);
    await mkdir(path);
    for (const [name, content] of Object.entries(files))
      await writeFile(join(path, name), content, { mode: 0o600 });
    return path;
  };
  /** Has skopeo encrypt the image for these public keys. */
  const encrypt = async (tag: string, ...publicKeys: readonly KeyObject[]): Promise<string> => {
    const recipients: string[] = [];
    for (const [index, key] of publicKeys.entries()) {
      const file = join(directory.path, `${tag}-${index}.pub`);
      await writeFile(file, key.export({ type: "spki", format: "pem" }));
      recipients.push("--encryption-key", `jwe:${file}`);
    }
    const tls = ["--src-tls-verify=false", "--dest-tls-verify=false"];
    const [from, to] = ["plain", tag].map((each) => `docker://${registry.host}/app:${each}`);
    await run("skopeo", ["--insecure-policy", "copy", ...tls, ...recipients, from ?? "", to ?? ""]);
    return `${registry.host}/app:${tag}`;
  };
  const pull = async (reference: string, decryptionKeys: string | undefined): Promise<string> => {
    await using stack = await openStack({ layerKeys: { keyProviders: undefined, decryptionKeys } });
    const image = await stack.images.pull({ reference });
    return await stack.inRootfs(image, (root) => readFile(join(root, "hello"), "utf8"));
  };

  before(async () => {
    directory = await tempDir();
    registry = await startRegistry();
    await pushImage(registry, "app", "plain", await imageOf());
  });
  after(async () => {
    await registry[Symbol.asyncDispose]();
    await directory[Symbol.asyncDispose]();
  });

  test("is pulled with a private key from the directory, in any format, and also if it is encrypted for several", async () => {
    const reference = await encrypt("both", owner.publicKey, other.publicKey);
    const decryptionKeys = await keysDir({});
    await using stack = await openStack({ layerKeys: { keyProviders: undefined, decryptionKeys } });
    const pull = async (content: string | Buffer): Promise<void> => {
      await writeFile(join(decryptionKeys, "key"), content, { mode: 0o600 });
      await stack.images.pull({ reference });
    };
    const pem = (key: KeyObject, type: "pkcs1" | "pkcs8" | "sec1") => key.export({ type, format: "pem" });
    // Keys are asked for at each pull, also when the layers are here.
    await assert.rejects(pull(pem(stranger.privateKey, "pkcs8")), { code: "FailedPrecondition" });
    for (const { privateKey } of [owner, other]) for (const form of forms) await pull(form(privateKey));
    await pull(pem(owner.privateKey, "pkcs1"));
    await pull(pem(other.privateKey, "sec1"));
    await assert.rejects(pull(pem(stranger.privateKey, "pkcs8")), { code: "FailedPrecondition" });
    await writeFile(join(decryptionKeys, "second.pem"), pem(owner.privateKey, "pkcs8"), { mode: 0o600 });
    await stack.images.pull({ reference });
  });

  test("is pulled with a key file that is replaced as Kubernetes replaces files, with links", async () => {
    const reference = await encrypt("linked", owner.publicKey);
    const keys = await keysDir({ "..data": owner.privateKey.export({ type: "pkcs8", format: "pem" }) });
    await symlink("..data", join(keys, "key.pem"));
    assert.equal(await pull(reference, keys), "hello\n");
  });

  test("is refused without the key, and the error names files that are not keys", async () => {
    const reference = await encrypt("one", owner.publicKey);
    const pem = stranger.privateKey.export({ type: "pkcs8", format: "pem" });
    const cipher = { cipher: "aes-256-cbc", passphrase: "secret" };
    const keys = await keysDir({
      "public.pem": owner.publicKey.export({ type: "spki", format: "pem" }),
      "shared.pem": owner.privateKey.export({ type: "pkcs8", format: "pem" }),
      "stranger.pem": pem,
      "locked.pem": owner.privateKey.export({ type: "pkcs8", format: "pem", ...cipher }),
      "text.txt": "read me",
    });
    await chmod(join(keys, "shared.pem"), 0o644);
    await assert.rejects(pull(reference, keys), (error: Error & { readonly code?: string }) => {
      assert.equal(error.code, "FailedPrecondition");
      for (const part of [
        `the keys in ${keys}: none of the 1 keys fits`,
        "public.pem: is not a private key",
        "shared.pem: is readable by other users; make it private (chmod 600)",
        "locked.pem: is protected by a password",
        "text.txt: is not a private key",
      ])
        assert.ok(error.message.includes(part), error.message);
      return true;
    });
    await assert.rejects(pull(reference, undefined), {
      code: "Unimplemented",
      message: /encrypted for keys of JWE; .*none is configured \(images\.decryption_keys_dir/,
    });
    await assert.rejects(pull(reference, "/nonexistent"), {
      code: "FailedPrecondition",
      message: /cannot read the keys in \/nonexistent/,
    });
  });

  test("is refused by name if it is encrypted for keys of another kind", async () => {
    const [key, certificate] = [join(directory.path, "x.key"), join(directory.path, "x.pem")];
    const made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate];
    await run("openssl", [...made, "-subj", "/CN=x"]);
    const tls = ["--src-tls-verify=false", "--dest-tls-verify=false"];
    const recipient = ["--encryption-key", `pkcs7:${certificate}`];
    const [from, to] = ["plain", "pkcs7"].map((each) => `docker://${registry.host}/app:${each}`);
    await run("skopeo", ["--insecure-policy", "copy", ...tls, ...recipient, from ?? "", to ?? ""]);
    const keys = await keysDir({ "key.pem": await readFile(key) });
    await assert.rejects(pull(`${registry.host}/app:pkcs7`, keys), {
      code: "Unimplemented",
      message: /encrypted for keys of PKCS7; .*there are the keys of JWE in /,
    });
  });
});
