import { BerthError } from "../../ground/errors/index.ts";

/**
 * Codes: Unimplemented (no key provider for any recipient of a layer, or a cipher that is not known),
 * FailedPrecondition (a file of key providers that cannot be used; a provider that fails or gives another
 * key), Unavailable (a provider that does not answer), ResourceExhausted (no room to start one),
 * InvalidArgument (a layer whose annotations are not what ocicrypt writes), DataLoss (bytes that were damaged
 * on the way).
 */
export class EncryptionError extends BerthError {}
