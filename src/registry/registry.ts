import type { Descriptor, Reference } from "../oci/index.ts";

/**
 * A client of the OCI distribution API (distribution-spec 1.1). It knows hosts, mirrors, TLS and credentials; it keeps
 * nothing. It is made from plain data ({@link RegistryOptions}), so that a worker thread can make its own.
 */
export interface Registry {
  /**
   * Resolves a reference to its manifest's or index's descriptor and bytes, verified against the digest when the
   * reference has one and never more than 4 MiB. Throws RegistryError: NotFound, Unauthenticated, PermissionDenied,
   * Unavailable (nothing answers; the message names every host tried), DataLoss, ResourceExhausted (too large).
   */
  resolve(reference: Reference, signal?: AbortSignal): Promise<{ readonly descriptor: Descriptor; readonly bytes: Uint8Array }>;
  /** A manifest, index or config by digest: size limit and digest checked. */
  fetchSmall(reference: Reference, descriptor: Descriptor, signal?: AbortSignal): Promise<Uint8Array>;
  /**
   * A blob's bytes from `offset` on. A broken transfer is taken up again with Range, on another host where there is one; a transfer
   * without a byte for the progress timeout counts as broken. Bytes are not verified: whoever reads them hashes them.
   * Yields `"restart"` in place of bytes when the server cannot resume and sends from 0 again.
   */
  fetchBlob(reference: Reference, descriptor: Descriptor, offset: number, signal?: AbortSignal): AsyncIterable<Uint8Array | "restart">;
}

/** Structured-cloneable. */
export type RegistryOptions = {
  /** Directories with HOST/hosts.toml, in order (containerd's `config_path`). Read anew for every pull: no restart needed. */
  readonly certsDirs: readonly string[];
  /** Files in the form of docker's config.json, asked when the request brings no credentials. */
  readonly dockerConfigFiles: readonly string[];
  readonly progressTimeoutMs: number;
  readonly userAgent: string;
  readonly credentials: Credentials | undefined;
};

/** From CRI's AuthConfig or docker's config.json. Never logged, never sent to another host than the registry's (or its token service). */
export type Credentials =
  | { readonly kind: "basic"; readonly username: string; readonly password: string; readonly serverAddress?: string }
  | { readonly kind: "identityToken"; readonly token: string; readonly serverAddress?: string }
  | { readonly kind: "registryToken"; readonly token: string; readonly serverAddress?: string };

