import assert from "node:assert/strict";
import { test } from "node:test";
import { startRegistry } from "../../testing/registry.ts";
import { startTokenService } from "../../testing/token-service.ts";
import { checkCredentials } from "./check-credentials.ts";
import { type Credentials, RegistryError } from "./index.ts";

const me: Credentials = { kind: "basic", username: "me", password: "hush" };
const htpasswd = "me:$2b$04$mEP8ifnWEQrhjIl.ZWjkb.cqaC2aNzXxAqG33k2m7dMOS0s6yKNNi";

const check = (host: string, credentials: Credentials) =>
  checkCredentials(host, {
    certsDirs: [],
    dockerConfigFiles: [],
    progressTimeoutMs: 30_000,
    userAgent: "berth-test",
    credentials,
  });

function refused(error: unknown): boolean {
  assert.ok(error instanceof RegistryError);
  assert.equal(error.code, "Unauthenticated");
  assert.doesNotMatch(String(error), /wrong-secret/);
  return true;
}

test("credentials are checked with a registry that requires a password", async () => {
  await using server = await startRegistry({ htpasswd });
  assert.equal(await check(server.host, me), "accepted");
  await assert.rejects(check(server.host, { ...me, password: "wrong-secret" }), refused);
});

test("credentials are checked with a registry's token service, with a token without scope", async () => {
  const authorization = `Basic ${Buffer.from("me:hush").toString("base64")}`;
  await using service = await startTokenService(authorization);
  await using server = await startRegistry({ tokens: service });
  assert.equal(await check(server.host, me), "accepted");
  assert.deepEqual(service.asked, [[]]);
  await assert.rejects(check(server.host, { ...me, password: "wrong-secret" }), refused);
});

test("a registry without authentication checks nothing", async () => {
  await using server = await startRegistry();
  assert.equal(await check(server.host, me), "anonymous");
});
