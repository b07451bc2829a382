import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { bundleOf, dsseEntry, envelopeOf, TestLog } from "../../../testing/sigstore.ts";
import { parseDigest, parseReference } from "../../oci/index.ts";
import type { SigstoreSignature } from "../index.ts";
import { whyRefused } from "../testing/verdict.ts";

const hex = "ab".repeat(32);
const image = {
  reference: parseReference("registry.example/app:v1"),
  digest: parseDigest(`sha256:${hex}`),
};
const { publicKey, privateKey: key } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
const log = new TestLog();
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const byKey = { type: "sigstoreSigned", keyData: base64(pem), signedIdentity: { type: "matchDigest" } };

const statement = (more: object = {}): string =>
  JSON.stringify({
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ digest: { sha256: hex } }],
    predicateType: "https://sigstore.dev/cosign/sign/v1",
    predicate: {},
    ...more,
  });
const stored = (content: object): SigstoreSignature => ({
  kind: "bundle",
  bytes: Buffer.from(JSON.stringify(content)),
});
const signed = (payload: string, payloadType?: string): SigstoreSignature =>
  stored(bundleOf({ dsseEnvelope: envelopeOf(payload, key, payloadType) }, {}));

test("a bundle counts for each image that its statement has as a subject", async () => {
  const subject = [
    { digest: { sha256: "cd".repeat(32) } },
    { name: "", digest: { sha1: "00", sha256: hex } },
  ];
  assert.equal(await whyRefused(byKey, image, [signed(statement({ subject }))]), undefined);
  assert.match(
    (await whyRefused(byKey, image, [signed(statement({ subject: [subject[0]] }))])) ?? "",
    /it is for sha256:cd.*, not for sha256:ab/,
  );
});

test("a bundle that names its image counts as other signatures that do", async () => {
  const named = (name: string) => signed(statement({ subject: [{ name, digest: { sha256: hex } }] }));
  const rule = { ...byKey, signedIdentity: { type: "matchRepository" } };
  assert.equal(await whyRefused(rule, image, [named("registry.example/app")]), undefined);
  assert.match(
    (await whyRefused(rule, image, [named("registry.example/other")])) ?? "",
    /it is for registry\.example\/other, which matchRepository does not accept/,
  );
});

test("a bundle does not count when it is no signature of an image, or broken", async () => {
  const dsseEnvelope = envelopeOf(statement(), key);
  const { signatures } = dsseEnvelope;
  const changed = {
    ...dsseEnvelope,
    payload: base64(statement({ subject: [{ digest: { sha256: hex }, name: "a/b" }] })),
  };
  const message = {
    messageDigest: { algorithm: "SHA2_256", digest: base64("a".repeat(32)) },
    signature: base64("b"),
  };
  const cases: readonly (readonly [SigstoreSignature, RegExp])[] = [
    [
      signed(statement({ predicateType: "https://slsa.dev/provenance/v1" })),
      /it is not a signature but a statement of type/,
    ],
    [signed(statement({ _type: "https://in-toto.io/Statement/v9" })), /signed statement: unknown type/],
    [signed(statement({ subject: [] })), /subject: expected a non-empty list/],
    [signed(statement({ extra: 1 })), /signed statement: unknown field "extra"/],
    [signed("not JSON"), /signed statement is not valid JSON/],
    [
      signed(statement(), "application/json"),
      /its bundle holds "application\/json", not application\/vnd\.in-toto/,
    ],
    [stored(bundleOf({ dsseEnvelope: changed }, {})), /it is not by a key of the policy/],
    [
      stored(bundleOf({ dsseEnvelope: { ...dsseEnvelope, signatures: [...signatures, ...signatures] } }, {})),
      /invalid bundle/,
    ],
    [stored(bundleOf({ messageSignature: message }, {})), /its bundle is of a file's signature/],
    [stored({}), /it cannot be read/],
    [{ kind: "bundle", bytes: Buffer.from([0xff, 0]) }, /it cannot be read: bundle is not valid JSON/],
  ];
  for (const [signature, why] of cases)
    assert.match((await whyRefused(byKey, image, [signature])) ?? "", why);
});

test("a bundle's entry of Rekor must be of its own envelope, and have the log's signed time", async () => {
  const rule = { ...byKey, rekorPublicKeyData: base64(log.publicKey) };
  const envelope = envelopeOf(statement(), key);
  const other = envelopeOf(statement(), key);
  const entryOf = (entry: object) => ({ kind: "dsse", ...log.add(entry, new Date("2026-01-01")) });
  const logged = (entry: ReturnType<typeof entryOf>) => bundleOf({ dsseEnvelope: envelope }, { entry });
  const good = logged(entryOf(dsseEntry(envelope, pem)));
  assert.equal(await whyRefused(rule, image, [stored(good)]), undefined);
  const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey;
  const strangerPem = stranger.export({ type: "spki", format: "pem" }).toString();
  const timeless = JSON.parse(JSON.stringify(good).replace("inclusionPromise", "noPromise"));
  const cases: readonly (readonly [object, RegExp])[] = [
    [logged(entryOf(dsseEntry(other, pem))), /its Rekor entry is not valid: tlog entry signature mismatch/],
    [logged(entryOf(dsseEntry(envelope, strangerPem))), /it is of another key or certificate/],
    [timeless, /it has no signed entry timestamp/],
  ];
  for (const [bundle, why] of cases)
    assert.match((await whyRefused(rule, image, [stored(bundle)])) ?? "", why);
});
