/**
 * Layers that are encrypted, in the way of ocicrypt (https://github.com/containers/ocicrypt): who has their
 * keys, and how they are decrypted.
 *
 * Terms: a layer is encrypted with a *key* of its own, which its descriptor's annotations hold, *wrapped* for
 * each of its *recipients*; a *key provider* is a program or a gRPC service, named in a file, that unwraps
 * it. Keys wrapped as JWE are unwrapped here, by the private keys of a directory. Recipients of other kinds
 * (keys of PGP, PKCS #7 and #11) are named and not served.
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
