import { BerthError } from "../../ground/errors/index.ts";

/**
 * Codes: FailedPrecondition (a policy, key or registries.d file that cannot be used), PermissionDenied (an
 * image that the policy refuses; the message begins with `SignatureValidationFailed`, which kubelets look
 * for).
 */
export class PolicyError extends BerthError {}

/** How a message about a refused image begins: kubelets tell it by that. */
export const refusal = "SignatureValidationFailed";
