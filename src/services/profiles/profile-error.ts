import { BerthError, codeOf, hasCode, messageOf } from "../../ground/errors/index.ts";

/** A profile cannot be had. See {@link "./profiles.ts"} for the codes. */
export class ProfileError extends BerthError {}

/** The artifact is none, and will be none when it is pulled again. The word is what kubelets look for. */
export function invalidProfile(reference: string, problem: string, cause?: unknown): ProfileError {
  const message = `SecurityProfileInvalid: ${reference}: ${problem}`;
  return new ProfileError("InvalidArgument", message, cause === undefined ? undefined : { cause });
}

/** What a registry answered, with the word that makes kubelets try again; who gave up needs none. */
export function registryFailure(error: unknown): unknown {
  if (hasCode(error, "Canceled") || hasCode(error, "DeadlineExceeded")) return error;
  const message = messageOf(error);
  if (message.startsWith("RegistryUnavailable")) return error;
  return new ProfileError(codeOf(error), `RegistryUnavailable: ${message}`);
}
