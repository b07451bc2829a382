import type { Reference } from "../oci/index.ts";
import { dockerConfigCredentials } from "./docker-config.ts";
import { type Endpoint, isSameHost } from "./endpoint.ts";
import type { AuthorizationHeader, Credentials, RegistryOptions } from "./registry.ts";

/**
 * The credentials that may be sent to an endpoint. Those of the request are for the registry that the
 * reference names, or for the `serverAddress` that comes with them, but never for a mirror with another name.
 * A mirror's own credentials may be in docker's config files.
 */
export async function credentialsFor(
  endpoint: Endpoint,
  reference: Reference,
  options: RegistryOptions,
  signal: AbortSignal | undefined,
): Promise<Credentials | AuthorizationHeader | undefined> {
  const given = options.credentials;
  if (given !== undefined && isFor(given, endpoint, reference)) return given;
  const host = endpoint.role === "registry" ? reference.host : endpoint.host;
  for (const file of options.dockerConfigFiles) {
    const found = await dockerConfigCredentials(file, host, reference.repository, signal);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isFor(
  credentials: Credentials | AuthorizationHeader,
  endpoint: Endpoint,
  reference: Reference,
): boolean {
  if (credentials.serverAddress === undefined || credentials.serverAddress === "")
    return endpoint.role === "registry";
  const server = credentials.serverAddress.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
  if (isSameHost(server, endpoint.host)) return true;
  return endpoint.role === "registry" && isSameHost(server, reference.host);
}
