import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ManifestOf } from "../manifests/index.ts";
import { pullSecrets } from "./pull-secrets.ts";

const words = "name:hidden";
const auth = Buffer.from(words).toString("base64");

function secret(key: string, content: unknown): ManifestOf<"Secret"> {
  const metadata = { name: "any", namespace: "shop", labels: {}, annotations: {} };
  const text = typeof content === "string" ? content : JSON.stringify(content);
  return { apiVersion: "v1", kind: "Secret", metadata, stringData: { [key]: text } };
}

const secrets: Readonly<Record<string, ManifestOf<"Secret">>> = {
  whole: secret(".dockerconfigjson", { auths: { "registry.test": { auth } } }),
  part: secret(".dockercfg", { "https://registry.test/team": { username: "team", password: "hidden" } }),
  other: secret(".dockerconfigjson", { auths: { "elsewhere.test": { auth } } }),
  broken: secret(".dockerconfigjson", "{ hidden"),
  none: secret("password", "hidden"),
  patterns: secret(".dockerconfigjson", {
    auths: Object.fromEntries(
      [
        ["*.team.registry.test", "parts"],
        ["e?.*.reg*y.test:5000", "port"],
        ["eu.team.registry.test:5000", "exact"],
        ["*.test", "short"],
        ["*:5000", "host"],
      ].map(([key, username]) => [key, { username, password: "x" }]),
    ),
  }),
};

function found(image: string, ...names: readonly string[]) {
  const problems: string[] = [];
  const pod = {
    metadata: { name: "web", namespace: "shop", uid: "uid", labels: {}, annotations: {} },
    spec: { containers: [{ name: "main", image }], imagePullSecrets: names.map((name) => ({ name })) },
    startTimeNs: 0n,
  };
  const objects = {
    configMap: () => undefined,
    secret: (_: string, name: string) => secrets[name],
    services: () => [],
    claimDirectory: async () => undefined,
  };
  const auths = pullSecrets(pod, { objects }, image, (message) => problems.push(message));
  return { users: auths.map(({ username, password }) => `${username}:${password}`), problems };
}

describe("for pulls, a pod's", () => {
  it("secrets are used for the registries and paths that they name, in their order", () => {
    assert.deepEqual(found("registry.test/team/app:1", "part", "whole", "other").users, [
      "team:hidden",
      words,
    ]);
    assert.deepEqual(found("registry.test/app", "part", "whole").users, [words]);
    assert.deepEqual(found("registry.test/app").users, []);
  });

  it("secret may have patterns for the parts of a host's name, which come after names", () => {
    assert.deepEqual(found("eu.team.registry.test:5000/app", "patterns").users, ["exact:x", "port:x"]);
    assert.deepEqual(found("eu.team.registry.test/app", "patterns").users, ["parts:x"]);
    assert.deepEqual(found("a.eu.team.registry.test:5000/app", "patterns").users, []);
    assert.deepEqual(found("registry.test:5000/app", "patterns").users, []);
  });

  it("secret that is missing, or has no credentials, is reported without its contents", () => {
    const { users, problems } = found("registry.test/app", "missing", "broken", "none", "whole");
    assert.deepEqual(users, [words]);
    assert.equal(problems.length, 3);
    assert.match(problems[0] ?? "", /^Secret shop\/missing not found$/);
    assert.ok(problems.every((problem) => !problem.includes("hidden")));
  });
});
