import { BerthError, codeOf, hasCode, messageOf } from "../../ground/errors/index.ts";

/** A profile is not available. See {@link "./profiles.ts"} for the codes. */
export class ProfileError extends BerthError {}

/** The artifact is not a valid profile, so pulling again is pointless. Kubelets look for the word. */
export function invalidProfile(reference: string, problem: string, cause?: unknown): ProfileError {
  const message = `SecurityProfileInvalid: ${reference}: ${problem}`;
  return new ProfileError("InvalidArgument", message, cause === undefined ? undefined : { cause });
}

/** A registry's error, with the word that makes kubelets retry; not added if the caller gave up. */
export function registryFailure(error: unknown): unknown {
  if (hasCode(error, "Canceled") || hasCode(error, "DeadlineExceeded")) return error;
  const message = messageOf(error);
  if (message.startsWith("RegistryUnavailable")) return error;
  return new ProfileError(codeOf(error), `RegistryUnavailable: ${message}`);
}
