import { X509Certificate } from "node:crypto";
import type { Bundle } from "@sigstore/bundle";
import { parseStrictJson, wrong } from "../strict-json.ts";
import type { Evidence } from "./evidence.ts";
import { parseStatement, statementType } from "./statement.ts";

/**
 * Parses a bundle (github.com/sigstore/protobuf-specs, sigstore_bundle.proto) whose content is an in-toto
 * statement. Throws for any other content.
 */
export async function readBundle(bytes: Uint8Array): Promise<Evidence> {
  const { bundleFromJSON } = await import("@sigstore/bundle");
  const text = Buffer.from(bytes).toString("utf8");
  const bundle = bundleFromJSON(parseStrictJson(text, "bundle"));
  if (bundle.content.$case !== "dsseEnvelope")
    throw wrong("its bundle is of a file's signature, not of a statement about an image");
  const { payload, payloadType, signatures } = bundle.content.dsseEnvelope;
  const [signature, ...others] = signatures;
  if (signature === undefined || others.length > 0)
    throw wrong(`its bundle has ${signatures.length} signatures where one is expected`);
  if (payloadType !== statementType)
    throw wrong(`its bundle holds ${JSON.stringify(payloadType)}, not ${statementType}`);
  const { dsse } = await import("@sigstore/core");
  return {
    signature: signature.sig,
    signed: dsse.preAuthEncoding(payloadType, payload),
    payload,
    certificates: () => {
      const [leaf, ...intermediates] = certificatesOf(bundle);
      return { leaf, intermediates };
    },
    entries: () => bundle.verificationMaterial.tlogEntries,
    claims: () => parseStatement(payload),
  };
}

function certificatesOf({ verificationMaterial: { content } }: Bundle): readonly X509Certificate[] {
  switch (content.$case) {
    case "certificate":
      return [new X509Certificate(content.certificate.rawBytes)];
    case "x509CertificateChain":
      return content.x509CertificateChain.certificates.map(({ rawBytes }) => new X509Certificate(rawBytes));
    case "publicKey":
      return [];
  }
}
