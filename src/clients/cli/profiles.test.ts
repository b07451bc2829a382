import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineError } from "../../engines/engine/index.ts";
import { serveCli } from "./testing/cli.ts";

const reference = (name: string, digits: string) => `registry.example/${name}@sha256:${digits.repeat(32)}`;
const web = reference("web", "ab");
const db = reference("db", "cd");

test("profile pull prints the digest by which ls lists the profile and rm removes it", async () => {
  await using endpoint = await serveCli();
  const pulled = await endpoint.run(["profile", "pull", web]);
  assert.deepEqual([pulled.status, pulled.stderr], [0, ""]);
  const digest = pulled.stdout.trim();
  assert.match(digest, /^sha256:[0-9a-f]{64}$/);
  assert.equal((await endpoint.run(["profile", "pull", web])).stdout, pulled.stdout, "also when it is here");
  assert.equal((await endpoint.run(["profile", "ls", "-q"])).stdout, pulled.stdout);
  await endpoint.run(["profile", "pull", db]);
  const { stdout } = await endpoint.run(["profile", "ls", "--no-trunc"]);
  const [heading, first, second, ...others] = stdout.trimEnd().split("\n");
  assert.match(heading ?? "", /^PROFILE +DIGEST +SIZE$/);
  assert.match(first ?? "", /^registry\.example\/db@/);
  assert.deepEqual(second?.split(/\s{2,}/), [web, digest, "7 B"]);
  assert.deepEqual(others, []);
  const json = JSON.parse((await endpoint.run(["profile", "ls", "-o", "json"])).stdout);
  assert.deepEqual(json.profiles[0], { digest, refs: [web], size: "7" });

  const named = await endpoint.run(["profile", "rm", digest.slice(7, 19), db, "nothing"]);
  assert.deepEqual([named.status, named.stdout], [3, `${digest.slice(7, 19)}\n${db}\n`]);
  assert.match(named.stderr, /no such security profile: "nothing"/);
  assert.equal((await endpoint.run(["profile", "ls", "-q"])).stdout, "");
});

test("profile pull passes credentials on, and reports why a profile is refused", async () => {
  await using endpoint = await serveCli();
  const { pull } = endpoint.engine.securityProfiles;
  let passed: unknown;
  endpoint.engine.securityProfiles.pull = async (request, signal) => {
    passed = request.credentials;
    return await pull(request, signal);
  };
  const argv = ["profile", "pull", "--creds", "robot", web];
  assert.equal((await endpoint.run(argv, { stdin: "secret\n" })).status, 0);
  assert.deepEqual(passed, { kind: "basic", username: "robot", password: "secret" });
  const unpinned = await endpoint.run(["profile", "pull", "registry.example/web:v1"]);
  assert.equal(unpinned.status, 1);
  assert.match(unpinned.stderr, /SecurityProfileInvalid: image\.image: must be a reference with a digest/);
  endpoint.engine.securityProfiles.pull = async () => {
    throw new EngineError("Unavailable", "RegistryUnavailable: registry.example does not answer");
  };
  assert.match((await endpoint.run(["profile", "pull", db])).stderr, /registry\.example does not answer/);
});

test("shells complete the references of profiles, and another tool's word is answered with ours", async () => {
  await using endpoint = await serveCli();
  await endpoint.run(["profile", "pull", web]);
  assert.equal((await endpoint.run(["__complete", "profiles"])).stdout, `${web}\n`);
  const { status, stderr } = await endpoint.run(["profile", "prune"]);
  assert.equal(status, 2);
  assert.match(stderr, /`berth profile rm \$\(berth profile ls -q\)`/);
});
