import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { chown, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { tempDir } from "../../testing/temp-dir.ts";
import { readPrivateKeys } from "./private-keys.ts";

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const pem = privateKey.export({ type: "pkcs8", format: "pem" });
const jwk = privateKey.export({ format: "jwk" });

test("a file that cannot be used is named, and nothing of its contents is revealed", async () => {
  await using directory = await tempDir();
  const at = (name: string) => join(directory.path, name);
  const secret = Number.parseInt("7".repeat(12), 10);
  const contents = {
    "comma.jwk": `${JSON.stringify(jwk).slice(0, -1)}"d":"${jwk.d}"}`,
    "number.jwk": JSON.stringify({ ...jwk, d: secret }),
    "short.jwk": `{"d":${secret}x}`,
  };
  for (const [name, content] of Object.entries(contents)) await writeFile(at(name), content, { mode: 0o600 });
  const { keys, unusable } = await readPrivateKeys(directory.path);
  assert.equal(keys.length, 0);
  const wanted = Object.keys(contents).map((name) => `${at(name)}: is not a private key in JWK`);
  assert.deepEqual(unusable, wanted);
});

test("a file owned by another user, who could read it, is not used; and a FIFO does not block", async () => {
  await using directory = await tempDir();
  const at = (name: string) => join(directory.path, name);
  for (const name of ["own.pem", "others.pem"]) await writeFile(at(name), pem, { mode: 0o600 });
  await chown(at("others.pem"), 65534, 0);
  execFileSync("mkfifo", ["-m", "600", at("fifo")]);
  const { keys, unusable } = await readPrivateKeys(directory.path);
  assert.equal(keys.length, 1);
  assert.deepEqual(unusable, [
    `${at("fifo")}: is not a file`,
    `${at("others.pem")}: belongs to another user; change its owner to root (chown root)`,
  ]);
});
