/**
 * Registries: fetching and pushing manifests and blobs with the OCI distribution API.
 *
 * A *reference* names a registry's host; certs.d/HOST/hosts.toml may list *mirrors* that are tried first. An
 * *endpoint* is one of these hosts. Credentials come with the request or from docker's config files, and are
 * sent only to the registry that they belong to. Certificates are verified against the CAs that the process
 * trusts (`node --use-system-ca` makes that the system's store) and the `ca` of hosts.toml.
 *
 * This room stores nothing on disk and unpacks nothing. It runs on worker threads, to keep TLS and JSON off
 * the main one.
 */
export { checkCredentials } from "./check-credentials.ts";
export { createRegistry } from "./client.ts";
export { authsCredentials, dockerConfigCredentials } from "./docker-config.ts";
export { eraseCredentials, storeCredentials } from "./docker-config-file.ts";
export { RegistryError } from "./errors.ts";
export { findHostsProblems } from "./hosts-problems.ts";
export { PlainHosts } from "./plain-hosts.ts";
export {
  type AuthorizationHeader,
  type BlobSenders,
  type Credentials,
  maxSmallBytes,
  type Registry,
  type RegistryOptions,
  type Resolved,
  type RetryOptions,
} from "./registry.ts";
export type { BlobSource, PushedBlob, RegistryWriter } from "./registry-writer.ts";
export type { RequestLog } from "./request-log.ts";
