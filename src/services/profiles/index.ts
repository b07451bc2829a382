/**
 * Security profiles that come from registries (https://kep.k8s.io/6061): pulling, keeping, giving them out.
 *
 * A *profile* is the text of a seccomp profile, kept as a blob of the content store under its own sha256
 * *digest*. It came as the one layer of an OCI artifact, whose manifest a *reference* with a digest names;
 * several references may lead to one profile. Profiles are no images: they have records of their own, which
 * keep their blobs from garbage collection.
 *
 * This room does not know what a profile means: whoever opens it says what a profile must be like.
 */
export { profileRoots } from "./profile-records.ts";
export { openSecurityProfiles } from "./profile-service.ts";
export type { SecurityProfileInfo, SecurityProfiles } from "./profiles.ts";
