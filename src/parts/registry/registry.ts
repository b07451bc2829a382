import type { Descriptor, Digest, Reference } from "../oci/index.ts";
import type { PartsOptions } from "./parts-options.ts";
import type { RegistryWriter } from "./registry-writer.ts";

/**
 * A client of the OCI distribution API (distribution-spec 1.1). It knows hosts, mirrors, TLS and credentials,
 * and keeps nothing but open connections and tokens, until it is disposed of. It is created from plain data
 * ({@link RegistryOptions}), so that a worker thread can create its own.
 *
 * Every method tries the hosts of the reference in the order of its hosts.toml, and then all of them again
 * after a delay if an error may be temporary. The final error is a RegistryError that names every host that
 * was tried, with the code of the last one: NotFound, Unauthenticated, PermissionDenied, ResourceExhausted
 * (rate limit, or larger than allowed), DataLoss (the bytes do not match the digest), Unavailable (no answer;
 * the message begins with `RegistryUnavailable`, which kubelet looks for), InvalidArgument (an invalid
 * configuration file), Canceled.
 */
export interface Registry extends RegistryWriter, AsyncDisposable {
  /**
   * Requests a reference's descriptor without its content (HEAD), so that an image that is already here costs
   * no download and does not count against a registry's rate limit. Undefined if the registry does not report
   * size and digest.
   */
  probe(reference: Reference, signal?: AbortSignal): Promise<Descriptor | undefined>;
  /**
   * Fetches the manifest or index of a reference, verified against the digest if the reference has one; at
   * most 4 MiB.
   */
  resolve(reference: Reference, signal?: AbortSignal): Promise<Resolved>;
  /** Fetches a manifest, index or config by digest, at most 4 MiB; verifies size and digest. */
  fetchSmall(reference: Reference, descriptor: Descriptor, signal?: AbortSignal): Promise<Uint8Array>;
  /** The manifests whose subject is `subject`, of one artifact type, and those without a type in the list. */
  listReferrers(
    reference: Reference,
    subject: Digest,
    artifactType: string,
    signal?: AbortSignal,
  ): Promise<readonly Descriptor[]>;
  /**
   * Fetches a file from a web server that is not a registry, such as a signature, without credentials;
   * undefined if it does not exist. A file larger than `maxBytes` is ResourceExhausted.
   */
  fetchFile(url: URL, maxBytes: number, signal?: AbortSignal): Promise<Uint8Array | undefined>;
  /**
   * Yields a blob's bytes from `offset` on. A broken transfer is resumed with Range, from another host if
   * there is one; a transfer without a byte for the progress timeout counts as broken. Never yields more than
   * the descriptor's size. The digest is not verified, because the caller hashes the bytes. A yielded chunk
   * is valid only until the next one is requested; then its memory is freed. Yields `"restart"` instead of
   * bytes if the server cannot resume and starts again from 0.
   */
  fetchBlob(
    reference: Reference,
    descriptor: Descriptor,
    offset: number,
    signal?: AbortSignal,
    senders?: BlobSenders,
  ): AsyncIterable<Uint8Array | "restart">;
}

/**
 * The senders of a blob, which concern its reader: only the reader knows, in the end, whether the digest is
 * right.
 */
export type BlobSenders = {
  /**
   * False for a blob of which a mirror has sent wrong bytes: then only the last host is asked, which is the
   * registry itself, if that may be asked at all.
   */
  readonly asksMirrors: boolean;
  /**
   * Called for each host that begins to send. The last host does not count as a mirror, since there is none
   * after it.
   */
  readonly onSending: (sender: { readonly host: string; readonly isMirror: boolean }) => void;
};

export type Resolved = { readonly descriptor: Descriptor; readonly bytes: Uint8Array };

/** Options of a {@link Registry}; structured-cloneable. */
export type RegistryOptions = {
  /**
   * Directories with HOST/hosts.toml, in order (containerd's `config_path`). Read again for every Registry,
   * without a restart.
   */
  readonly certsDirs: readonly string[];
  /** Files in the format of docker's config.json, used if the request has no credentials for a host. */
  readonly dockerConfigFiles: readonly string[];
  /**
   * A transfer counts as broken if no byte arrives for this long. Time in which the reader is busy does not
   * count.
   */
  readonly progressTimeoutMs: number;
  readonly userAgent: string;
  readonly credentials: Credentials | AuthorizationHeader | undefined;
  /** Whether to use only plain HTTP with hosts that are not configured. */
  readonly plainHttp?: boolean;
  /** Sent with every request to the registry and its mirrors, unless hosts.toml has others. In lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly retry?: RetryOptions;
  readonly parts?: PartsOptions;
};

export type RetryOptions = {
  /** Number of consecutive attempts without a new byte before a transfer is given up. Default 5. */
  readonly tries: number;
  /**
   * Delay before the second attempt, doubled for each further one; up to half of it is subtracted at random.
   * Default 250.
   */
  readonly baseDelayMs: number;
  /** Maximum delay, also for a server's Retry-After. Default 30 000. */
  readonly maxDelayMs: number;
};

/**
 * From CRI's AuthConfig or docker's config.json. Never logged. Sent only to the registry's own host (or
 * `serverAddress`, if given) and to the token service that it names, not to mirrors with another name, and
 * not through redirects to other hosts.
 */
export type Credentials =
  | {
      readonly kind: "basic";
      readonly username: string;
      readonly password: string;
      readonly serverAddress?: string;
    }
  | { readonly kind: "identityToken"; readonly token: string; readonly serverAddress?: string }
  | { readonly kind: "registryToken"; readonly token: string; readonly serverAddress?: string };

/** The value of the header Authorization, in any scheme, for a registry that asks for credentials. */
export type AuthorizationHeader = {
  readonly kind: "header";
  readonly value: string;
  readonly serverAddress?: string;
};

/** Maximum size of manifests, indexes and configs, the same as in other runtimes. */
export const maxSmallBytes = 4 * 1024 * 1024;

/** `sha256:...` or the tag, for the end of a URL with `manifests/`. A digest wins over a tag. */
export function manifestName(reference: Reference): Digest | string {
  return reference.digest ?? reference.tag ?? "latest";
}
