import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { tempDir } from "../../testing/temp-dir.ts";
import { parseDigest, parseReference } from "../oci/index.ts";
import { parsePolicy, verifyImage } from "./index.ts";

const run = promisify(execFile);
const digest = parseDigest(`sha256:${"ab".repeat(32)}`);
const reference = parseReference("registry.example/app:v1");
const payload = JSON.stringify({
  critical: {
    identity: { "docker-reference": "registry.example/app:v1" },
    image: { "docker-manifest-digest": digest },
    type: "atomic container signature",
  },
  optional: {},
});

describe("a message of GnuPG", () => {
  let directory: Awaited<ReturnType<typeof tempDir>>;
  let home: string;
  let payloadFile: string;
  const gpg = async (...args: readonly string[]): Promise<Buffer> => {
    const options = ["--homedir", home, "--batch", "--no-tty", "--yes", "--passphrase", "", ...args];
    return (await run("gpg", options, { encoding: "buffer" })).stdout;
  };
  /** A key that this one made, by its name; `then` is a time in the past at which it is made. */
  const makeKey = (name: string, expires: string, ...then: readonly string[]) =>
    gpg(...then, "--quick-generate-key", `${name}@example.test`, "ed25519", "sign", expires);
  const signed = (names: readonly string[], ...more: readonly string[]): Promise<Buffer> => {
    const by = names.flatMap((name) => ["--local-user", `${name}@example.test`]);
    return gpg(...more, ...by, "--output", "-", "--sign", payloadFile);
  };
  /** Whether a policy of all keys that were made takes an image with this signature. */
  const isTaken = async (message: Uint8Array): Promise<boolean> => {
    const keyData = (await gpg("--export")).toString("base64");
    const requirement = { type: "signedBy", keyType: "GPGKeys", keyData };
    const policy = parsePolicy(JSON.stringify({ default: [requirement] }), "policy.json");
    const source = {
      async *sigstore() {},
      simple: async function* () {
        yield message;
      },
    };
    const signal = new AbortController().signal;
    try {
      await verifyImage(policy, { reference, digests: [digest] }, source, signal);
      return true;
    } catch (error) {
      assert.match(
        (error as Error).message,
        /^SignatureValidationFailed: .*it is not by a key of the policy/,
      );
      return false;
    }
  };

  before(async () => {
    directory = await tempDir();
    home = join(directory.path, "gnupg");
    payloadFile = join(directory.path, "payload");
    await mkdir(home, { mode: 0o700 });
    await writeFile(payloadFile, payload);
    await makeKey("a", "never");
    await makeKey("b", "never");
  });
  after(async () => {
    await run("gpgconf", ["--homedir", home, "--kill", "all"]);
    await directory[Symbol.asyncDispose]();
  });

  test("counts when it has one good signature", async () => {
    assert.equal(await isTaken(await signed(["a"])), true);
  });

  test("does not count with two signatures, with none, changed, or much larger than a payload", async () => {
    await writeFile(payloadFile, payload + " ".repeat(128 * 1024));
    const large = await signed(["a"]);
    await writeFile(payloadFile, payload);
    const once = await signed(["a"], "--compress-algo", "none");
    const changed = Buffer.from(once.toString("latin1").replace("app:v1", "app:v2"), "latin1");
    assert.notDeepEqual(changed, once);
    for (const message of [await signed(["a", "b"]), Buffer.from(payload), changed, large, Buffer.alloc(0)])
      assert.equal(await isTaken(message), false);
  });

  test("does not count when its key has expired or was revoked since", async () => {
    const then = ["--faked-system-time", "20200101T000000!"];
    await makeKey("old", "1d", ...then);
    assert.equal(await isTaken(await signed(["old"], ...then)), false);
    await makeKey("lost", "never");
    const message = await signed(["lost"]);
    assert.equal(await isTaken(message), true);
    const [, fingerprint = ""] =
      /^fpr:+([0-9A-F]+):/m.exec(
        (await gpg("--with-colons", "--list-keys", "lost@example.test")).toString(),
      ) ?? [];
    const revocation = await readFile(join(home, "openpgp-revocs.d", `${fingerprint}.rev`), "utf8");
    // gpg keeps it unusable until somebody takes a colon away.
    await writeFile(join(directory.path, "revocation"), revocation.replace(":-----BEGIN", "-----BEGIN"));
    await gpg("--import", join(directory.path, "revocation"));
    assert.equal(await isTaken(message), false);
  });
});
