/**
 * Which images may be used: policies in the form of containers-policy.json(5), and the signatures that they
 * ask for.
 *
 * Terms: a *requirement* is what an image must meet, such as a signature by one of some keys; a *scope* is an
 * image, a repository, a host or `*.DOMAIN`, and the most specific one says which requirements count. A
 * *simple* signature is an OpenPGP message, kept at a *lookaside* location. A *sigstore* signature is kept in
 * the image's registry: under a tag made of its digest, or as a *bundle* that has the image as its subject.
 * It is by a key, or by a certificate that an authority such as *Fulcio* gave to the owner of an email
 * address; a log, *Rekor*, may have signed when it saw it. What is signed is a *payload*: the digest of a
 * manifest, and mostly the name that it has.
 *
 * Files are read anew for each image, so that no restart is needed. This room fetches nothing.
 */
export { type Policy, parsePolicy, readPolicy, requirementsFor } from "./policy.ts";
export { PolicyError, refusal } from "./policy-error.ts";
export { RegistriesD, type SignatureStorage } from "./registries-d.ts";
export type { SignatureSource, SigstoreSignature } from "./signature-source.ts";
export { type CheckedArchive, verifyArchive } from "./verify-archive.ts";
export { type CheckedImage, verifyImage } from "./verify-image.ts";
