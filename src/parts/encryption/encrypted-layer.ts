import type { Descriptor } from "../oci/index.ts";

const suffix = "+encrypted";
/** Followed by ocicrypt's name for a kind of recipient: `jwe`, `pgp`, `provider.NAME`. */
const keysPrefix = "org.opencontainers.image.enc.keys.";
const providerPrefix = "provider.";
const jweScheme = "jwe";

/** The part of a descriptor that says how its layer is encrypted. */
export type EncryptedLayer = Pick<Descriptor, "digest" | "annotations">;

/** Somebody who can decrypt a layer. */
export type Recipient = {
  /** A key provider, by name, a private key, or keys of another kind. */
  readonly kind:
    | { readonly is: "provider"; readonly name: string }
    | { readonly is: "jwe" }
    | { readonly is: "other" };
  /** Its description, for messages. */
  readonly called: string;
  /** The layer's key, wrapped for it, in base64; several are separated by commas. */
  readonly wrapped: string;
};

export function isEncryptedType(mediaType: string): boolean {
  return mediaType.endsWith(suffix);
}

/** The media type of the decrypted layer. */
export function plainType(mediaType: string): string {
  return isEncryptedType(mediaType) ? mediaType.slice(0, -suffix.length) : mediaType;
}

export function recipientsOf({ annotations = {} }: EncryptedLayer): readonly Recipient[] {
  return Object.entries(annotations)
    .filter(([name]) => name.startsWith(keysPrefix))
    .map(([name, wrapped]) => {
      const scheme = name.slice(keysPrefix.length);
      if (scheme === jweScheme) return { kind: { is: "jwe" }, called: "keys of JWE", wrapped };
      if (!scheme.startsWith(providerPrefix))
        return { kind: { is: "other" }, called: `keys of ${scheme.toUpperCase()}`, wrapped };
      const provider = scheme.slice(providerPrefix.length);
      const called = `the key provider ${JSON.stringify(provider)}`;
      return { kind: { is: "provider", name: provider }, called, wrapped };
    });
}
