import { join } from "node:path";
import { usageError } from "../errors.ts";
import type { Io } from "../invocation.ts";

/**
 * The file with the user's registry credentials: REGISTRY_AUTH_FILE as in podman and skopeo, or docker's
 * config.json, in DOCKER_CONFIG or the home directory. Undefined for a user without any of these.
 */
export function authFile({ env }: Pick<Io, "env">): string | undefined {
  const { REGISTRY_AUTH_FILE, DOCKER_CONFIG, HOME } = env;
  if (REGISTRY_AUTH_FILE) return REGISTRY_AUTH_FILE;
  if (DOCKER_CONFIG) return join(DOCKER_CONFIG, "config.json");
  return HOME ? join(HOME, ".docker", "config.json") : undefined;
}

/**
 * The host of a registry, from `registry.example`, `https://registry.example/v2/` or, as in docker, nothing.
 * Throws CliError.
 */
export function registryHost(text: string | undefined): string {
  if (text === undefined) return "docker.io";
  const host = text.replace(/^https?:\/\//, "").replace(/\/(v[12]\/?)?$/, "");
  if (/^[a-z0-9.-]+(:\d+)?$|^\[[0-9a-f:]+\](:\d+)?$/i.test(host))
    return ["index.docker.io", "registry-1.docker.io"].includes(host) ? "docker.io" : host;
  throw usageError(`${JSON.stringify(text)} is not a registry: give its host, such as registry.example:5000`);
}
