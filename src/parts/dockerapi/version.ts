import { DockerError } from "./docker-error.ts";

/** Of Docker Engine 20.10, the oldest that is known here. */
export const oldestApi = "1.41";
/** Of what is newest of Docker Engine 29. */
const newestApi = "1.56";

export type EngineVersion = {
  readonly Version: string;
  readonly ApiVersion: string;
  readonly MinAPIVersion?: string;
};

/**
 * The newest version of the API that the engine and this client know. Throws DockerError FailedPrecondition
 * for an engine that is too old or too new.
 */
export function agreeOnVersion({ Version, ApiVersion, MinAPIVersion = oldestApi }: EngineVersion): string {
  if (!isAtLeast(ApiVersion, oldestApi)) {
    throw new DockerError(
      "FailedPrecondition",
      `Docker Engine ${Version} has API ${ApiVersion}; ${oldestApi} or newer is needed: install Docker Engine 20.10 or newer`,
    );
  }
  if (!isAtLeast(newestApi, MinAPIVersion)) {
    throw new DockerError(
      "FailedPrecondition",
      `Docker Engine ${Version} requires API ${MinAPIVersion} or newer; ${newestApi} is the newest that berth knows: install a newer berth, or set DOCKER_MIN_API_VERSION=${newestApi} for dockerd`,
    );
  }
  return isAtLeast(ApiVersion, newestApi) ? newestApi : ApiVersion;
}

/** Compares versions such as "1.9" and "1.41". */
export function isAtLeast(version: string, other: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [otherMajor = 0, otherMinor = 0] = other.split(".").map(Number);
  return major > otherMajor || (major === otherMajor && minor >= otherMinor);
}
