import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { attachedEntry, hashedRekord, TestLog, TestSigstore } from "../../../testing/sigstore.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import { type Digest, parseDigest, parseReference } from "../../oci/index.ts";
import type { SigstoreSignature } from "../index.ts";
import { whyRefused as whyRefusedFor } from "../testing/verdict.ts";

const digest = parseDigest(`sha256:${"ab".repeat(32)}`);
const otherDigest = parseDigest(`sha256:${"cd".repeat(32)}`);
const reference = parseReference("registry.example/app:v1");
const issuer = "https://accounts.example.test";
const email = "signer@example.test";
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const day = (date: string): Date => new Date(`${date}T12:00:00Z`);

function payloadOf(of: Digest, name = "registry.example/app:v1"): Buffer {
  const identity = { "docker-reference": name };
  const type = "cosign container image signature";
  const critical = { identity, image: { "docker-manifest-digest": of }, type };
  return Buffer.from(JSON.stringify({ critical, optional: null }));
}

const whyRefused = (requirement: object, signatures: readonly SigstoreSignature[]) =>
  whyRefusedFor(requirement, { reference, digest }, signatures);

type Signing = {
  readonly key: KeyObject;
  /** Certificate or key that the log is told of; the certificate that comes along is the same. */
  readonly signer: string;
  readonly payload?: Buffer;
  readonly time?: Date;
  readonly log?: TestLog;
};

describe("a signature with a certificate", () => {
  let directory: Awaited<ReturnType<typeof tempDir>>;
  let sigstore: TestSigstore;
  let leaf: Awaited<ReturnType<TestSigstore["certify"]>>;
  type Attached = Extract<SigstoreSignature, { kind: "attached" }>;

  /** As cosign stores it under a tag. */
  const signed = ({
    key,
    signer,
    payload = payloadOf(digest),
    time,
    log = sigstore.log,
  }: Signing): Attached => {
    const signature = sign("sha256", payload, key);
    const entry = log.add(hashedRekord(payload, signature, signer), time ?? day("2026-01-01"));
    return {
      kind: "attached",
      payload,
      signature,
      certificate: signer,
      chain: sigstore.intermediate + sigstore.root,
      rekor: attachedEntry(entry),
    };
  };
  const byLeaf = (more: Partial<Signing> = {}): Attached =>
    signed({ key: leaf.privateKey, signer: leaf.pem, ...more });
  const certified = async (...request: Parameters<TestSigstore["certify"]>): Promise<Attached> => {
    const { privateKey: key, pem: signer } = await sigstore.certify(...request);
    return signed({ key, signer });
  };
  const fulcio = (more: object = {}) => ({
    type: "sigstoreSigned",
    fulcio: { caData: base64(sigstore.root), oidcIssuer: issuer, subjectEmail: email, ...more },
    rekorPublicKeyData: base64(sigstore.log.publicKey),
  });
  const pki = (more: object = {}) => ({
    type: "sigstoreSigned",
    pki: { caRootsData: base64(sigstore.root), subjectEmail: email, ...more },
  });

  before(async () => {
    directory = await tempDir();
    sigstore = await TestSigstore.create(directory.path);
    leaf = await sigstore.certify();
  });
  after(() => directory[Symbol.asyncDispose]());

  test("counts under fulcio when Rekor knew of it while the certificate was valid", async () => {
    assert.equal(await whyRefused(fulcio(), [byLeaf()]), undefined);
    // Of an hour long ago, as those of Fulcio are.
    const short = await sigstore.certify({ validFrom: day("2022-01-01"), validTo: day("2022-01-02") });
    const inTime = (time: string) => signed({ key: short.privateKey, signer: short.pem, time: day(time) });
    assert.equal(await whyRefused(fulcio(), [inTime("2022-01-01")]), undefined);
    assert.match(
      (await whyRefused(fulcio(), [inTime("2022-01-03")])) ?? "",
      /its certificate is not trusted: certificate CN=leaf-\d+ is valid from 2022-01-01.* to 2022-01-02.*, not at 2022-01-03/,
    );
  });

  test("counts with the intermediate authority from the policy instead of the signature", async () => {
    const alone = { ...byLeaf(), chain: undefined };
    const whole = { caData: base64(sigstore.intermediate + sigstore.root) };
    assert.equal(await whyRefused(fulcio(whole), [alone]), undefined);
    assert.match(
      (await whyRefused(fulcio(), [alone])) ?? "",
      /no certificate authority of the policy has issued it/,
    );
    assert.equal(
      await whyRefused(pki({ caIntermediatesData: base64(sigstore.intermediate) }), [alone]),
      undefined,
    );
  });

  test("counts though its certificate has timestamps of certificate logs, which a policy has no keys for", async () => {
    const extensions = ["1.3.6.1.4.1.11129.2.4.2=ASN1:FORMAT:HEX,OCTETSTRING:0000"];
    assert.equal(await whyRefused(fulcio(), [await certified({ extensions })]), undefined);
  });

  test("does not count when the certificate is of somebody else", async () => {
    const cases: readonly (readonly [object, RegExp])[] = [
      [
        { subjectEmail: "other@example.test" },
        /is not for email "other@example\.test" but for email:signer@example/,
      ],
      [{ subjectEmail: "Signer@example.test" }, /is not for email "Signer@example\.test"/],
      [
        { oidcIssuer: "https://evil.test" },
        /OIDC issuer is "https:\/\/accounts\.example\.test", not "https:\/\/evil/,
      ],
    ];
    for (const [more, why] of cases) assert.match((await whyRefused(fulcio(more), [byLeaf()])) ?? "", why);
    assert.match(
      (await whyRefused(fulcio(), [await certified({ issuer: null })])) ?? "",
      /OIDC issuer is not in it, not "https/,
    );
    const extensions = ["1.3.6.1.4.1.57264.1.1=DER:61", `1.3.6.1.4.1.57264.1.8=ASN1:UTF8String:${issuer}`];
    assert.match(
      (await whyRefused(fulcio(), [await certified({ issuer: null, extensions })])) ?? "",
      /OIDC issuer is both "a" and "https:\/\/accounts\.example\.test"/,
    );
  });

  test("does not count when Rekor's entry is of another log, signature, payload or certificate", async () => {
    const other = new TestLog();
    const stranger = await sigstore.certify();
    const good = byLeaf();
    const rekorOf = ({ rekor }: Attached) => ({ ...good, rekor });
    const forged = JSON.parse(good.rekor ?? "") as Record<string, unknown>;
    const cases: readonly (readonly [SigstoreSignature, RegExp])[] = [
      [{ ...good, rekor: undefined }, /it has no Rekor entry/],
      [byLeaf({ log: other }), /it is of log [0-9a-f]{64}, of which the policy has no key/],
      [
        { ...good, rekor: JSON.stringify({ ...forged, SignedEntryTimestamp: base64("forged") }) },
        /its Rekor entry is not valid: inclusion promise could not be verified/,
      ],
      [rekorOf(byLeaf()), /its Rekor entry is not valid: signature mismatch/],
      [rekorOf(byLeaf({ payload: payloadOf(otherDigest) })), /its Rekor entry is not valid/],
      [
        { ...good, rekor: rekorFor(good, stranger.pem) },
        /its Rekor entry is not valid: it is of another key or certificate/,
      ],
    ];
    for (const [signature, why] of cases) assert.match((await whyRefused(fulcio(), [signature])) ?? "", why);
  });

  /** An entry of this signature that names another signer. */
  const rekorFor = ({ payload, signature }: Attached, signer: string): string =>
    attachedEntry(sigstore.log.add(hashedRekord(payload, signature, signer), day("2026-01-01")));

  test("does not count for another digest or name, or when it is not by the certificate's key", async () => {
    const stranger = await sigstore.certify();
    const cases: readonly (readonly [SigstoreSignature, RegExp])[] = [
      [byLeaf({ payload: payloadOf(otherDigest) }), /it is for sha256:cd.*, not for sha256:ab/],
      [
        byLeaf({ payload: payloadOf(digest, "registry.example/other:v1") }),
        /which matchRepoDigestOrExact does not accept/,
      ],
      [{ ...byLeaf(), certificate: stranger.pem }, /it is not by the key of its certificate/],
      [{ ...byLeaf(), certificate: undefined }, /it has no certificate/],
    ];
    for (const [signature, why] of cases) assert.match((await whyRefused(fulcio(), [signature])) ?? "", why);
  });

  test("does not count with a certificate that no authority may have given for signing code", async () => {
    await using elsewhere = await tempDir();
    const foreign = await TestSigstore.create(elsewhere.path);
    const stranger = await foreign.certify();
    const byStranger = {
      ...signed({ key: stranger.privateKey, signer: stranger.pem }),
      chain: foreign.intermediate + foreign.root,
    };
    const below = async (keyUsage: string) => {
      const above = await sigstore.certify({ keyUsage });
      const { privateKey: key, pem: signer } = await sigstore.certify({ by: above.name });
      return { ...signed({ key, signer }), chain: above.pem + sigstore.intermediate + sigstore.root };
    };
    const constraint = "nameConstraints=permitted;email:example.org";
    const cases: readonly (readonly [SigstoreSignature, RegExp])[] = [
      [byStranger, /no certificate authority of the policy has issued it/],
      [await below("digitalSignature"), /no certificate authority of the policy has issued it/],
      [await below("keyCertSign"), /certificate CN=leaf-\d+ is not of a certificate authority/],
      [await certified({ usage: "serverAuth" }), /certificate CN=leaf-\d+ is not for code signing/],
      [
        await certified({ extensions: ["1.2.3.4=critical,DER:0500"] }),
        /has the extension 1\.2\.3\.4, which is not/,
      ],
      [
        await certified({ extensions: [constraint] }),
        /has the extension 2\.5\.29\.30, which is not understood/,
      ],
    ];
    for (const [signature, why] of cases) {
      assert.match((await whyRefused(fulcio(), [signature])) ?? "", why);
      assert.match((await whyRefused(pki(), [signature])) ?? "", why);
    }
  });

  test("does not count when anything of it cannot be read", async () => {
    const good = byLeaf();
    const twice = good.rekor?.replace('"Payload":', '"Payload":{},"Payload":');
    const kind = { ...hashedRekord(good.payload, good.signature, leaf.pem), kind: "rekord" };
    const cases: readonly (readonly [SigstoreSignature, RegExp])[] = [
      [
        { ...good, certificate: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" },
        /it cannot be read/,
      ],
      [{ ...good, certificate: leaf.pem + leaf.pem }, /it has 2 certificates where one is expected/],
      [{ ...good, certificate: "" }, /it has 0 certificates where one is expected/],
      [{ ...good, chain: "-----BEGIN CERTIFICATE-----\n" }, /it cannot be read/],
      [{ ...good, rekor: "" }, /it cannot be read: Rekor entry is not valid JSON/],
      [{ ...good, rekor: "{}" }, /it cannot be read: Rekor entry: Payload: expected an object/],
      [{ ...good, rekor: twice }, /it cannot be read: Rekor entry has a duplicate key/],
      [
        { ...good, rekor: attachedEntry(sigstore.log.add(kind, day("2026-01-01"))) },
        /unsupported kind: rekord/,
      ],
      [{ ...good, signature: Buffer.alloc(0) }, /it is not by the key of its certificate/],
      [
        byLeaf({ payload: Buffer.from("{}") }),
        /it cannot be read: signed payload: critical: expected an object/,
      ],
      [{ kind: "bundle", bytes: Buffer.from("{}") }, /it cannot be read/],
    ];
    for (const [signature, why] of cases) assert.match((await whyRefused(fulcio(), [signature])) ?? "", why);
    // One that is broken hides no good one.
    assert.equal(await whyRefused(fulcio(), [...cases.map(([signature]) => signature), good]), undefined);
  });

  test("counts under pki while its certificate is valid, by email and by host name", async () => {
    const old = await sigstore.certify({ validFrom: day("2022-01-01"), validTo: day("2022-01-02") });
    const byOld = signed({ key: old.privateKey, signer: old.pem, time: day("2022-01-01") });
    assert.equal(await whyRefused(pki(), [{ ...byLeaf(), rekor: undefined }]), undefined);
    assert.match((await whyRefused(pki(), [byOld])) ?? "", /is valid from 2022-01-01.* to 2022-01-02/);
    const host = await certified({ subject: "DNS:build.example.test", issuer: null });
    const hostname = { subjectEmail: undefined, subjectHostname: "build.example.test" };
    assert.equal(await whyRefused(pki(hostname), [host]), undefined);
    assert.match(
      (await whyRefused(pki({ subjectHostname: "build.example.test" }), [byLeaf()])) ?? "",
      /is not for host "build\.example\.test" but for email:signer@example\.test/,
    );
  });

  test("counts under a key with Rekor only when the log knew of that key's signature", async () => {
    const { log } = sigstore;
    const { publicKey, privateKey: key } = generateKeyPairSync("ed25519");
    const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
    const payload = payloadOf(digest);
    const signature = sign(null, payload, key);
    const entry = (signer: string) =>
      attachedEntry(log.add(hashedRekord(payload, signature, signer), day("2026-01-01")));
    const stored: Attached = {
      kind: "attached",
      payload,
      signature,
      certificate: undefined,
      chain: undefined,
      rekor: entry(pem),
    };
    const requirement = {
      type: "sigstoreSigned",
      keyData: base64(pem),
      rekorPublicKeyDatas: [base64(log.publicKey)],
    };
    assert.equal(await whyRefused(requirement, [stored]), undefined);
    assert.match((await whyRefused(requirement, [{ ...stored, rekor: undefined }])) ?? "", /no Rekor entry/);
    assert.match(
      (await whyRefused(requirement, [{ ...stored, rekor: entry(leaf.pem) }])) ?? "",
      /it is of another key or certificate/,
    );
  });
});
