import assert from "node:assert/strict";
import { test } from "node:test";
import { parseReference } from "../oci/index.ts";
import { parsePolicy, requirementsFor } from "./index.ts";

const accept = { type: "insecureAcceptAnything" };
const reject = { type: "reject" };
const parse = (value: unknown) => parsePolicy(JSON.stringify(value), "policy.json");

test("an image has the requirements of its most specific scope, and no others", () => {
  const scopes = {
    "registry.example/team/app:v1": [reject],
    "registry.example/team/app": [accept, accept],
    "registry.example/team": [reject, reject],
    "*.corp.example": [accept, reject],
    "": [reject, accept],
  };
  const policy = parse({
    default: [accept],
    transports: { docker: scopes, "docker-daemon": { "": [reject] } },
  });
  const kinds = (name: string) => requirementsFor(policy, parseReference(name)).map(({ kind }) => kind[0]);
  const expected = {
    "registry.example/team/app:v1": "r",
    "registry.example/team/app:v2": "ii",
    [`registry.example/team/app@sha256:${"0".repeat(64)}`]: "ii",
    "registry.example/team/app2:v1": "rr",
    "registry.example/teams/app:v1": "ri",
    "a.b.corp.example:5000/app": "ir",
    "corp.example/app": "ri",
    busybox: "ri",
  };
  for (const [name, each] of Object.entries(expected)) assert.equal(kinds(name).join(""), each, name);
  const without = parse({ default: [accept] });
  assert.equal(requirementsFor(without, parseReference("busybox")).length, 1);
});

test("a policy with anything that is not understood is refused, with its place", () => {
  const key = { keyData: "AAAA" };
  const sigstore = { type: "sigstoreSigned", ...key };
  const fulcio = { caData: "AAAA", oidcIssuer: "https://a.test", subjectEmail: "a@a.test" };
  const pki = { caRootsData: "AAAA", subjectHostname: "a.test" };
  const rekor = { rekorPublicKeyData: "AAAA" };
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [{}, /default: expected a non-empty list/],
    [{ default: [] }, /default: expected a non-empty list/],
    [{ default: [accept], transport: {} }, /unknown field "transport"; known are default, transports/],
    [
      { default: [accept], transports: { docker: { a: [] } } },
      /transports\.docker\["a"\]: expected a non-empty list/,
    ],
    [{ default: [{ type: "accept" }] }, /default\[0\]: unknown type "accept"/],
    [{ default: [{ ...reject, ...key }] }, /keyData cannot be used with type "reject"/],
    [
      { default: [{ type: "sigstoreSigned" }] },
      /exactly one of keyPath, keyPaths, keyData, keyDatas, fulcio and pki/,
    ],
    [{ default: [{ ...sigstore, keyPath: "/key" }] }, /expected only one of keyPath, keyPaths/],
    [{ default: [{ type: "sigstoreSigned", keyPath: "key" }] }, /"key" is not an absolute path/],
    [{ default: [{ type: "sigstoreSigned", keyData: "?" }] }, /keyData: expected base64/],
    [{ default: [{ ...sigstore, keyType: "GPGKeys" }] }, /keyType cannot be used with type "sigstoreSigned"/],
    [{ default: [{ type: "signedBy", ...key }] }, /keyType: expected GPGKeys/],
    [
      { default: [{ ...sigstore, fulcio }] },
      /exactly one of keyPath, keyPaths, keyData, keyDatas, fulcio and pki/,
    ],
    [
      { default: [{ type: "signedBy", keyType: "GPGKeys", ...key, fulcio }] },
      /fulcio cannot be used with type "sign/,
    ],
    [{ default: [{ type: "sigstoreSigned", fulcio }] }, /fulcio needs one of rekorPublicKeyPath/],
    [
      { default: [{ type: "sigstoreSigned", fulcio: {}, ...rekor }] },
      /fulcio: expected one of caPath, caData/,
    ],
    [
      { default: [{ type: "sigstoreSigned", fulcio: { ...fulcio, caPath: "/ca" } }] },
      /only one of caPath, caData/,
    ],
    [
      { default: [{ type: "sigstoreSigned", fulcio: { caPath: "/ca" }, ...rekor }] },
      /fulcio\.oidcIssuer: expected a/,
    ],
    [
      { default: [{ type: "sigstoreSigned", pki: { caRootsPath: "/ca" } }] },
      /pki: expected subjectEmail or subj/,
    ],
    [{ default: [{ type: "sigstoreSigned", pki, ...rekor }] }, /Rekor keys cannot be combined with pki/],
    [
      { default: [{ ...sigstore, ...rekor, rekorPublicKeyPath: "/a" }] },
      /only one of rekorPublicKeyPath, rekor/,
    ],
    [{ default: [{ ...sigstore, signedIdentity: { type: "matchAll" } }] }, /signedIdentity: unknown type/],
    [
      { default: [{ ...sigstore, signedIdentity: { type: "matchExact", prefix: "a" } }] },
      /prefix cannot be used with type "matchExact"/,
    ],
    [
      { default: [{ ...sigstore, signedIdentity: { type: "exactReference", dockerReference: "a.b/c" } }] },
      /dockerReference: expected a tag or a digest/,
    ],
  ];
  for (const [policy, message] of cases)
    assert.throws(() => parse(policy), { name: "PolicyError", code: "FailedPrecondition", message });
  const twice = '{"default": [{"type": "reject"}], "default": [{"type": "insecureAcceptAnything"}]}';
  for (const [text, message] of [
    [twice, /policy\.json has a duplicate key: "default"/],
    [
      '{"default": [{"type": "reject", "\\u0074ype" : "reject"}]}',
      /policy\.json has a duplicate key: "type"/,
    ],
    ["{", /policy\.json is not valid JSON/],
  ] as const)
    assert.throws(() => parsePolicy(text, "policy.json"), { message });
});

test("a key counts as duplicate only within its object, however a text or a list looks", () => {
  const scopes = { "a.b/c": [reject], '","a.b/c":[{"': [accept, accept], "\\": [accept], '"': [reject] };
  const policy = parse({ default: [accept], transports: { docker: scopes, atomic: scopes } });
  assert.equal(policy.transports.get("docker")?.size, 4);
});

test("reading takes time in proportion to the number of keys", () => {
  const scopes = Object.fromEntries(
    Array.from({ length: 50_000 }, (_, index) => [`a.b/c${index}`, [reject]]),
  );
  const before = process.threadCpuUsage();
  parse({ default: [accept], transports: { docker: scopes } });
  const { user, system } = process.threadCpuUsage(before);
  assert.ok(user + system < 2_000_000, `${(user + system) / 1000} ms of CPU time`);
});
