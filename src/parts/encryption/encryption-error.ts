import { BerthError } from "../../ground/errors/index.ts";

/**
 * Codes: Unimplemented (no private key and no key provider for any recipient of a layer, or an unknown
 * cipher), FailedPrecondition (an unusable file of key providers or directory of keys; no matching key; a
 * provider that fails or returns another key), Unavailable (a provider that does not respond),
 * ResourceExhausted (no resources to start one), InvalidArgument (a layer with annotations that ocicrypt
 * would not write), DataLoss (bytes damaged in transit).
 */
export class EncryptionError extends BerthError {}
