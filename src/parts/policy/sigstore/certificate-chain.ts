import { X509Certificate } from "node:crypto";
import type * as sigstore from "@sigstore/core";

/**
 * Maximum length of chains; longer ones are not in use, but a signature may contain any number of
 * certificates.
 */
const maxChainLength = 6;
const maxCertificates = 16;
const codeSigning = "1.3.6.1.5.5.7.3.3";
const anyUsage = "2.5.29.37.0";
const basicConstraints = "2.5.29.19";
const nameConstraints = "2.5.29.30";
/**
 * The extensions that are checked: basic constraints, key usage, extended key usage, subject's alternative
 * names.
 */
const understood = new Set([basicConstraints, "2.5.29.15", "2.5.29.37", "2.5.29.17"]);

export type ChainRequest = {
  readonly leaf: X509Certificate;
  /** The certificates of the signature, and those of the policy that are not roots; not trusted. */
  readonly intermediates: readonly X509Certificate[];
  /** A chain must end with one of them. */
  readonly anchors: readonly X509Certificate[];
  /** The time at which all of them must be valid. */
  readonly time: Date;
};

/** The certificates in a PEM text (RFC 7468), ignoring text around them. Throws for broken ones. */
export function certificatesIn(pem: string): readonly X509Certificate[] {
  const begin = "-----BEGIN CERTIFICATE-----";
  return pem
    .split(begin)
    .slice(1)
    .map((block) => new X509Certificate(begin + block));
}

/**
 * Why a certificate is not valid for code signing by these authorities; undefined if it is (RFC 5280, section
 * 6). Certificates that constrain names, or have an unknown critical extension, are rejected. Revocation is
 * not checked.
 */
export async function whyUntrusted(request: ChainRequest): Promise<string | undefined> {
  const { leaf, intermediates, anchors, time } = request;
  if (intermediates.length > maxCertificates) return `more than ${maxCertificates} certificates come with it`;
  const chain = findChain([leaf], new Set(intermediates), anchors);
  if (chain === undefined) return "no certificate authority of the policy has issued it";
  for (const certificate of chain) {
    const why = whyInvalid(certificate, time) ?? (await whyNotUnderstood(certificate));
    if (why !== undefined) return why;
  }
  for (const [index, authority] of chain.slice(1).entries()) {
    const why = await whyNoAuthority(authority, index);
    if (why !== undefined) return why;
  }
  return undefined;
}

/**
 * Finds a chain from the leaf to an anchor, each certificate signed by the next. None is tried twice, because
 * signers may have created cycles.
 */
function findChain(
  chain: readonly X509Certificate[],
  untried: Set<X509Certificate>,
  anchors: readonly X509Certificate[],
): readonly X509Certificate[] | undefined {
  const last = chain.at(-1);
  if (last === undefined || chain.length >= maxChainLength) return undefined;
  const anchor = anchors.find((each) => isIssuedBy(last, each));
  if (anchor !== undefined) return [...chain, anchor];
  for (const next of [...untried].filter((each) => isIssuedBy(last, each))) {
    untried.delete(next);
    const found = findChain([...chain, next], untried, anchors);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function whyInvalid(certificate: X509Certificate, time: Date): string | undefined {
  const { validFromDate: from, validToDate: to, signatureAlgorithm = "", keyUsage } = certificate;
  const name = nameOf(certificate);
  // Nothing depends on an authority's own signature, but few have such an old one.
  if (/md5|sha1/i.test(signatureAlgorithm)) return `${name} is signed with ${signatureAlgorithm}`;
  if (!(from <= time && time <= to))
    return `${name} is valid from ${from.toISOString()} to ${to.toISOString()}, not at ${time.toISOString()}`;
  // Without the extension, a certificate is valid for any purpose.
  if (keyUsage?.some((usage) => usage === codeSigning || usage === anyUsage) === false)
    return `${name} is not for code signing`;
  return undefined;
}

async function whyNotUnderstood(certificate: X509Certificate): Promise<string | undefined> {
  const { X509Certificate: Parsed } = await import("@sigstore/core");
  const extensions = Parsed.parse(certificate.raw).extensions.map(({ subs }) => ({
    oid: subs[0]?.toOID() ?? "",
    isCritical: subs.length > 2 && subs[1]?.toBoolean() === true,
  }));
  const oids = extensions.map(({ oid }) => oid);
  if (new Set(oids).size < oids.length) return `${nameOf(certificate)} has a duplicate extension`;
  const unknown = extensions.find(({ oid, isCritical }) => isCritical && !understood.has(oid))?.oid;
  const refused = oids.includes(nameConstraints) ? nameConstraints : unknown;
  return refused === undefined
    ? undefined
    : `${nameOf(certificate)} has the extension ${refused}, which is not understood`;
}

/** `below`: the number of authorities between it and the leaf. */
async function whyNoAuthority(certificate: X509Certificate, below: number): Promise<string | undefined> {
  const { X509Certificate: Parsed } = await import("@sigstore/core");
  const parsed: sigstore.X509Certificate = Parsed.parse(certificate.raw);
  if (!certificate.ca || !parsed.isCA) return `${nameOf(certificate)} is not of a certificate authority`;
  const limit = parsed.extBasicConstraints?.pathLenConstraint;
  return limit !== undefined && limit < BigInt(below)
    ? `${nameOf(certificate)} allows ${limit} authorities below it, and has ${below}`
    : undefined;
}

function nameOf({ subject, serialNumber }: X509Certificate): string {
  return `certificate ${subject?.replaceAll("\n", ", ") || serialNumber}`;
}
