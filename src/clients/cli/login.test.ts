import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { image } from "../../doors/cri/testing/samples.ts";
import type { PullRequest } from "../../services/images/index.ts";
import { startRegistry } from "../../testing/registry.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { authFile, registryHost } from "./login/registries.ts";
import { berth, serveCli } from "./testing/cli.ts";
import { TestTerminal } from "./testing/terminal.ts";

const htpasswd = "me:$2b$04$mEP8ifnWEQrhjIl.ZWjkb.cqaC2aNzXxAqG33k2m7dMOS0s6yKNNi";

test("login stores credentials that the registry accepts, logout deletes them, and neither shows the password", async () => {
  await using directory = await tempDir();
  await using server = await startRegistry({ htpasswd });
  const env = { DOCKER_CONFIG: directory.path };
  const login = (stdin: string) =>
    berth(["login", "-u", "me", "--password-stdin", `http://${server.host}/`], { env, stdin });
  const wrong = await login("wrong-secret");
  assert.deepEqual([wrong.status, wrong.stdout], [1, ""]);
  assert.match(wrong.stderr, /the user name or the password is wrong/);
  assert.deepEqual(await readdir(directory.path), []);
  const right = await login("hush\n");
  assert.deepEqual([right.status, right.stdout], [0, `login to ${server.host} succeeded\n`]);
  assert.match(right.stderr, /stored unencrypted in .*config\.json/);
  for (const { stderr } of [wrong, right]) assert.doesNotMatch(stderr, /hush|wrong-secret/);
  const file = join(directory.path, "config.json");
  const auth = Buffer.from("me:hush").toString("base64");
  assert.deepEqual(JSON.parse(await readFile(file, "utf8")), { auths: { [server.host]: { auth } } });
  assert.equal((await berth(["logout", server.host], { env })).stdout, `logged out of ${server.host}\n`);
  assert.deepEqual(JSON.parse(await readFile(file, "utf8")), { auths: {} });
  const again = await berth(["logout", server.host], { env });
  assert.deepEqual([again.status, again.stdout], [0, `no credentials for ${server.host}\n`]);
});

test("login asks on a terminal, without showing the password", async () => {
  await using directory = await tempDir();
  await using server = await startRegistry({ htpasswd });
  const env = { DOCKER_CONFIG: directory.path };
  await using terminal = new TestTerminal(["login", server.host], env);
  await terminal.shows("user name for");
  terminal.type("me\r");
  await terminal.shows("password: ");
  terminal.type("hux\x7fsh\r");
  await terminal.shows(`login to ${server.host} succeeded`);
  assert.equal(await terminal.status(), 0);
  assert.doesNotMatch(terminal.shown, /hush|hux/);
  assert.match(terminal.shown, / echo /);
});

test("pull sends the stored credentials for the registry, unless it is given others", async () => {
  await using endpoint = await serveCli();
  await using directory = await tempDir();
  const file = join(directory.path, "auth.json");
  const auth = Buffer.from("me:hush").toString("base64");
  await writeFile(
    file,
    JSON.stringify({ auths: { "registry.example": { auth }, other: { identitytoken: "t" } } }),
  );
  const given: PullRequest["credentials"][] = [];
  endpoint.engine.pull = async ({ credentials }) => {
    given.push(credentials);
    return image();
  };
  const env = { REGISTRY_AUTH_FILE: file };
  for (const reference of ["registry.example/a", "elsewhere.example/a", "other/a", "other:443/a"])
    await endpoint.run(["pull", reference], { env });
  await endpoint.run(["pull", "--creds", "you", "registry.example/a"], { env, stdin: "x" });
  assert.deepEqual(given, [
    { kind: "basic", username: "me", password: "hush" },
    undefined,
    undefined,
    undefined,
    { kind: "basic", username: "you", password: "x" },
  ]);
});

for (const argv of [
  ["login", "registry.example"],
  ["login", "--password-stdin", "registry.example"],
  ["login", "-u", "a:b", "--password-stdin", "registry.example"],
  ["login", "-u", "a", "--password", "x", "registry.example"],
  ["login", "-u", "a", "--password-stdin", "registry.example/team"],
]) {
  test(`\`berth ${argv.join(" ")}\` is a usage error`, async () => {
    const { status } = await berth(argv, { env: { HOME: "/nonexistent" }, stdin: "x" });
    assert.equal(status, 2);
  });
}

test("credentials are in the file that the environment names, and registries are named as in docker", () => {
  assert.equal(authFile({ env: { HOME: "/home/me" } }), "/home/me/.docker/config.json");
  assert.equal(authFile({ env: { HOME: "/home/me", DOCKER_CONFIG: "/d" } }), "/d/config.json");
  assert.equal(authFile({ env: { DOCKER_CONFIG: "/d", REGISTRY_AUTH_FILE: "/a.json" } }), "/a.json");
  assert.equal(authFile({ env: {} }), undefined);
  assert.equal(registryHost(undefined), "docker.io");
  assert.equal(registryHost("https://index.docker.io/v1/"), "docker.io");
  assert.equal(registryHost("registry.example:5000"), "registry.example:5000");
  assert.equal(registryHost("[::1]:5000"), "[::1]:5000");
});
