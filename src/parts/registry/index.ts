/**
 * Registries: getting manifests and blobs from whoever serves the OCI distribution API, and bringing them
 * there.
 *
 * A *reference* names a registry's host; certs.d/HOST/hosts.toml may put *mirrors* before it. An *endpoint*
 * is one of these. Credentials come with the request or from docker's config files, and are shown to the
 * registry they belong to and to nobody else. Certificates are checked against what the process trusts
 * (`node --use-system-ca` makes that the system's store) and the `ca` of hosts.toml.
 *
 * This room keeps nothing on disk and unpacks nothing. It runs on worker threads: TLS and JSON stay off the
 * main one.
 */
export { checkCredentials } from "./check-credentials.ts";
export { createRegistry } from "./client.ts";
export { authsCredentials, dockerConfigCredentials } from "./docker-config.ts";
export { eraseCredentials, storeCredentials } from "./docker-config-file.ts";
export { RegistryError } from "./errors.ts";
export { findHostsProblems } from "./hosts-problems.ts";
export { PlainHosts } from "./plain-hosts.ts";
export {
  type Credentials,
  maxSmallBytes,
  type Registry,
  type RegistryOptions,
  type Resolved,
  type RetryOptions,
} from "./registry.ts";
export type { BlobSource, PushedBlob, RegistryWriter } from "./registry-writer.ts";
export type { RequestLog } from "./request-log.ts";
