import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { parseDigest, parseReference } from "../../oci/index.ts";
import type { SigstoreSignature } from "../index.ts";
import { whyRefused } from "../testing/verdict.ts";

type Attached = { readonly payload: string; readonly annotations: Readonly<Record<string, string>> };
const cosign = JSON.parse(
  await readFile(new URL("../testing/cosign.json", import.meta.url), "utf8"),
) as Readonly<Record<"digest" | "host" | "key" | "log" | "root" | "intermediate", string>> & {
  readonly files: Readonly<
    Record<"attachedByKey" | "attachedByCertificate", Attached> &
      Record<"bundleByKey" | "bundleByKeyLogged" | "bundleByCertificate", object>
  >;
};
const { files } = cosign;
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const image = (name: string) => ({
  reference: parseReference(`${cosign.host}/${name}:v1`),
  digest: parseDigest(cosign.digest),
});
const attached = ({ payload, annotations }: Attached): SigstoreSignature => ({
  kind: "attached",
  payload: Buffer.from(payload),
  signature: Buffer.from(annotations["dev.cosignproject.cosign/signature"] ?? "", "base64"),
  certificate: annotations["dev.sigstore.cosign/certificate"],
  chain: annotations["dev.sigstore.cosign/chain"],
  rekor: annotations["dev.sigstore.cosign/bundle"],
});
const bundle = (content: object): SigstoreSignature => ({
  kind: "bundle",
  bytes: Buffer.from(JSON.stringify(content)),
});

const anyName = { signedIdentity: { type: "matchDigest" } };
const ofRepository = { signedIdentity: { type: "matchRepository" } };
const byKey = { type: "sigstoreSigned", keyData: base64(cosign.key) };
const logged = { rekorPublicKeyData: base64(cosign.log) };
const byCertificate = {
  type: "sigstoreSigned",
  fulcio: {
    caData: base64(cosign.root + cosign.intermediate),
    oidcIssuer: "https://accounts.example.test",
    subjectEmail: "signer@example.test",
  },
  ...logged,
};

test("what cosign signs with a key counts, under a tag and as a bundle", async () => {
  const old = attached(files.attachedByKey);
  assert.equal(await whyRefused({ ...byKey, ...ofRepository }, image("app-a"), [old]), undefined);
  assert.match(
    (await whyRefused({ ...byKey, ...ofRepository }, image("other"), [old])) ?? "",
    /it is for \S+\/app-a, which matchRepository does not accept/,
  );
  assert.match(
    (await whyRefused({ ...byKey, ...logged, ...ofRepository }, image("app-a"), [old])) ?? "",
    /it has no Rekor entry/,
  );
  const signed = [bundle(files.bundleByKey)];
  assert.equal(await whyRefused({ ...byKey, ...anyName }, image("app-b"), signed), undefined);
  assert.match(
    (await whyRefused({ ...byKey, ...ofRepository }, image("app-b"), signed)) ?? "",
    /it names no image, which only signedIdentity of type matchDigest accepts, not matchRepository/,
  );
});

test("what cosign signs for a repository is not exact, be the image asked for by its tag or its digest", async () => {
  const old = attached(files.attachedByKey);
  const named = image("app-a");
  const byDigest = { ...named, reference: { ...named.reference, tag: undefined, digest: named.digest } };
  for (const asked of [named, byDigest])
    assert.match(
      (await whyRefused(byKey, asked, [old])) ?? "",
      /it is for \S+\/app-a, which matchRepoDigestOrExact does not accept/,
    );
  assert.equal(await whyRefused({ ...byKey, ...ofRepository }, byDigest, [old]), undefined);
});

test("a certificate and an entry of Rekor that cannot be read do not matter where a key is asked for alone", async () => {
  const old = { ...attached(files.attachedByKey), certificate: "none", rekor: '{"of": "a later version"}' };
  assert.equal(await whyRefused({ ...byKey, ...ofRepository }, image("app-a"), [old]), undefined);
  assert.match(
    (await whyRefused({ ...byKey, ...logged, ...ofRepository }, image("app-a"), [old])) ?? "",
    /it cannot be read: Rekor entry: unknown field "of"/,
  );
  assert.match(
    (await whyRefused({ ...byCertificate, ...ofRepository }, image("app-a"), [old])) ?? "",
    /it cannot be read: it has 0 certificates where one is expected/,
  );
});

test("what cosign signs with a key counts where Rekor has an entry of it", async () => {
  const signed = bundle(files.bundleByKeyLogged);
  assert.equal(await whyRefused({ ...byKey, ...logged, ...anyName }, image("app-c"), [signed]), undefined);
  assert.match(
    (await whyRefused({ ...byKey, ...logged, ...anyName }, image("app-c"), [bundle(files.bundleByKey)])) ??
      "",
    /it has no Rekor entry/,
  );
});

test("what cosign signs without a key of its own counts, under a tag and as a bundle", async () => {
  const old = attached(files.attachedByCertificate);
  assert.equal(await whyRefused({ ...byCertificate, ...ofRepository }, image("app-d"), [old]), undefined);
  const signed = [bundle(files.bundleByCertificate)];
  assert.equal(await whyRefused({ ...byCertificate, ...anyName }, image("app-e"), signed), undefined);
  const other = { ...byCertificate, fulcio: { ...byCertificate.fulcio, subjectEmail: "other@example.test" } };
  assert.match(
    (await whyRefused({ ...other, ...anyName }, image("app-e"), signed)) ?? "",
    /its certificate is not for email "other@example\.test"/,
  );
});
