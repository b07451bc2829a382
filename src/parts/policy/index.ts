/**
 * Which images may be used: policies in the form of containers-policy.json(5), and the signatures that they
 * ask for.
 *
 * Terms: a *requirement* is what an image must meet, such as a signature by one of some keys; a *scope* is an
 * image, a repository, a host or `*.DOMAIN`, and the most specific one says which requirements count. A
 * *simple* signature is an OpenPGP message, kept at a *lookaside* location; a *sigstore* signature is kept in
 * the image's registry, under a tag made of its digest. What both sign is a *payload*: the digest of a
 * manifest, and the name that it has.
 *
 * Files are read anew for each image, so that no restart is needed. This room fetches nothing.
 */
export { type Policy, parsePolicy, readPolicy, requirementsFor } from "./policy.ts";
export { PolicyError } from "./policy-error.ts";
export { RegistriesD, type SignatureStorage } from "./registries-d.ts";
export {
  type CheckedImage,
  type SignatureSource,
  type SigstoreSignature,
  verifyImage,
} from "./verify-image.ts";
