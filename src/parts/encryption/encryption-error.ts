import { BerthError } from "../../ground/errors/index.ts";

/**
 * Codes: Unimplemented (neither private key nor key provider for any recipient of a layer, or a cipher that
 * is not known), FailedPrecondition (a file of key providers or a directory of keys that cannot be used; no
 * key that fits; a provider that fails or gives another key), Unavailable (a provider that does not answer),
 * ResourceExhausted (no room to start one), InvalidArgument (a layer whose annotations are not what ocicrypt
 * writes), DataLoss (bytes that were damaged on the way).
 */
export class EncryptionError extends BerthError {}
