/**
 * Decides which images may be used: policies in the format of containers-policy.json(5), and the signatures
 * that they require.
 *
 * Terms: a *requirement* is what an image must meet, such as a signature by one of some keys; a *scope* is an
 * image, a repository, a host or `*.DOMAIN`, and the most specific one determines the requirements. A
 * *simple* signature is an OpenPGP message at a *lookaside* location. A *sigstore* signature is in the
 * image's registry: under a tag derived from its digest, or as a *bundle* that has the image as its subject.
 * It is made with a key, or with a certificate that an authority such as *Fulcio* issued to the owner of an
 * email address; a log, *Rekor*, may have signed the time at which it saw the signature. The signed *payload*
 * is the digest of a manifest, and usually its name.
 *
 * Files are read for each image, so that changes need no restart. This room fetches nothing.
 */
export { type Policy, parsePolicy, readPolicy, requirementsFor } from "./policy.ts";
export { PolicyError, refusal } from "./policy-error.ts";
export { RegistriesD, type SignatureStorage } from "./registries-d.ts";
export type { SignatureSource, SigstoreSignature } from "./signature-source.ts";
export { type CheckedArchive, verifyArchive } from "./verify-archive.ts";
export { type CheckedImage, verifyImage } from "./verify-image.ts";
