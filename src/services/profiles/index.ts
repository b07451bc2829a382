/**
 * Security profiles from registries (https://kep.k8s.io/6061): pulls, stores and reads them.
 *
 * A *profile* is the text of a seccomp profile, stored as a blob in the content store under its own sha256
 * *digest*. It is the only layer of an OCI artifact, to whose manifest a *reference* with a digest points;
 * several references may lead to one profile. Profiles are not images: they have records of their own, which
 * protect their blobs from garbage collection.
 *
 * This room does not interpret profiles: whoever opens it passes a check.
 */
export { profileRoots } from "./profile-records.ts";
export { openSecurityProfiles } from "./profile-service.ts";
export type { SecurityProfileInfo, SecurityProfiles } from "./profiles.ts";
