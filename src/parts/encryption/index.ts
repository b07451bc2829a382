/**
 * Layers encrypted with ocicrypt (https://github.com/containers/ocicrypt): finding their keys, and
 * decryption.
 *
 * Terms: a layer is encrypted with a *key* of its own, which is in its descriptor's annotations, *wrapped*
 * for each of its *recipients*; a *key provider* is a program or a gRPC service, listed in a file, that
 * unwraps it. Keys wrapped as JWE are unwrapped here, with the private keys in a directory. Recipients of
 * other kinds (PGP, PKCS #7 and #11) are named in errors, but not supported.
 *
 * This room keeps no keys, and logs none.
 */
export { decryptLayer } from "./decrypt-layer.ts";
export { type EncryptedLayer, isEncryptedType, plainType, recipientsOf } from "./encrypted-layer.ts";
export { EncryptionError } from "./encryption-error.ts";
export { type KeyProviders, readKeyProviders } from "./key-providers.ts";
export type { LayerKey } from "./layer-key.ts";
export { type PrivateKeys, readPrivateKeys } from "./private-keys.ts";
export { type KeyHolders, unwrapLayerKey } from "./unwrap-layer-key.ts";
