import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import type { FulcioSigner, PkiSigner } from "./signers.ts";

/**
 * The extensions with the issuer, as raw text and as a UTF8String (github.com/sigstore/fulcio,
 * docs/oid-info.md).
 */
const issuerOid = "1.3.6.1.4.1.57264.1.1";
const issuerV2Oid = "1.3.6.1.4.1.57264.1.8";

/** Why a certificate, whose chain was verified, does not belong to that signer; undefined if it does. */
export async function whyOtherSubject(
  certificate: X509Certificate,
  signer: FulcioSigner | PkiSigner,
): Promise<string | undefined> {
  if (signer.kind === "pki") {
    const { subjectEmail: email, subjectHostname: hostname } = signer;
    const whyNot = email === undefined ? undefined : whyOtherEmail(certificate, email);
    return whyNot ?? (hostname === undefined ? undefined : whyOtherHost(certificate, hostname));
  }
  const issuer = await issuerOf(certificate);
  if (issuer.value !== signer.oidcIssuer)
    return `its certificate's OIDC issuer is ${issuer.shown}, not ${JSON.stringify(signer.oidcIssuer)}`;
  return whyOtherEmail(certificate, signer.subjectEmail);
}

function whyOtherEmail(certificate: X509Certificate, email: string): string | undefined {
  if (certificate.checkEmail(email, { subject: "never" }) !== undefined) return undefined;
  return `its certificate is not for email ${JSON.stringify(email)} but for ${namesOf(certificate)}`;
}

function whyOtherHost(certificate: X509Certificate, hostname: string): string | undefined {
  const found = isIP(hostname)
    ? certificate.checkIP(hostname)
    : certificate.checkHost(hostname, { subject: "never" });
  if (found !== undefined) return undefined;
  return `its certificate is not for host ${JSON.stringify(hostname)} but for ${namesOf(certificate)}`;
}

function namesOf({ subjectAltName }: X509Certificate): string {
  return subjectAltName ?? "nothing";
}

async function issuerOf(
  certificate: X509Certificate,
): Promise<{ readonly value: string | undefined; readonly shown: string }> {
  const { X509Certificate: Parsed } = await import("@sigstore/core");
  const parsed = Parsed.parse(certificate.raw);
  const first = parsed.extension(issuerOid)?.value.toString("utf8");
  const second = parsed.extension(issuerV2Oid)?.valueObj.subs[0]?.value.toString("utf8");
  if (first !== undefined && second !== undefined && first !== second)
    return { value: undefined, shown: `both ${JSON.stringify(first)} and ${JSON.stringify(second)}` };
  const value = second ?? first;
  return { value, shown: value === undefined ? "not in it" : JSON.stringify(value) };
}
