import { BerthError } from "../../ground/errors/index.ts";

/**
 * Codes: FailedPrecondition (a policy, key or registries.d file that cannot be used), PermissionDenied (an
 * image that the policy refuses; the message begins with `SignatureValidationFailed`, which kubelets look
 * for).
 */
export class PolicyError extends BerthError {}

/** The beginning of messages about refused images, by which kubelets recognise them. */
export const refusal = "SignatureValidationFailed";
