import { join } from "node:path";
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
