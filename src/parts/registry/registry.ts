import type { Descriptor, Digest, Reference } from "../oci/index.ts";
import type { PartsOptions } from "./parts-options.ts";
import type { RegistryWriter } from "./registry-writer.ts";

/**
 * A client of the OCI distribution API (distribution-spec 1.1). It knows hosts, mirrors, TLS and credentials;
 * it keeps nothing but open connections and tokens, both until it is disposed of. It is made from plain data
 * ({@link RegistryOptions}), so that a worker thread can make its own.
 *
 * Every method tries the hosts of the reference in the order of its hosts.toml, and all of them again after a
 * while when one failed in a way that may pass. What fails in the end is a RegistryError that names every
 * host tried, with the code of the last one: NotFound, Unauthenticated, PermissionDenied, ResourceExhausted
 * (rate limit, or larger than allowed), DataLoss (not the bytes that the digest names), Unavailable (no
 * answer; the message begins with `RegistryUnavailable`, which kubelet looks for), InvalidArgument (a
 * configuration file is wrong), Canceled.
 */
export interface Registry extends RegistryWriter, AsyncDisposable {
  /**
   * Asks for a reference's descriptor without its bytes (HEAD), so that an image that is here already costs
   * no download and no unit of a registry's rate limit. `undefined` when the registry does not say size and
   * digest.
   */
  probe(reference: Reference, signal?: AbortSignal): Promise<Descriptor | undefined>;
  /**
   * The manifest or index of a reference, verified against the digest when the reference has one; never more
   * than 4 MiB.
   */
  resolve(reference: Reference, signal?: AbortSignal): Promise<Resolved>;
  /** A manifest, index or config by digest: at most 4 MiB; size and digest are checked. */
  fetchSmall(reference: Reference, descriptor: Descriptor, signal?: AbortSignal): Promise<Uint8Array>;
  /**
   * The manifests that name `subject` as theirs, of one artifact type; also of the kinds that their list
   * leaves open.
   */
  listReferrers(
    reference: Reference,
    subject: Digest,
    artifactType: string,
    signal?: AbortSignal,
  ): Promise<readonly Descriptor[]>;
  /**
   * A file of a web server that is no registry, such as a signature, without credentials; undefined where it
   * has none. Larger than `maxBytes` is ResourceExhausted.
   */
  fetchFile(url: URL, maxBytes: number, signal?: AbortSignal): Promise<Uint8Array | undefined>;
  /**
   * A blob's bytes from `offset` on. A broken transfer is taken up again with Range, on another host where
   * there is one; a transfer without a byte for the progress timeout counts as broken. Never yields more than
   * the descriptor's size. The digest is not verified: whoever reads the bytes hashes them. What it yields
   * is good only until the next is asked for, when its memory is freed. Yields `"restart"` in place of bytes
   * when the server cannot resume and sends from 0 again.
   */
  fetchBlob(
    reference: Reference,
    descriptor: Descriptor,
    offset: number,
    signal?: AbortSignal,
    senders?: BlobSenders,
  ): AsyncIterable<Uint8Array | "restart">;
}

/** What a blob's reader, who alone knows its digest in the end, has to do with those who send it. */
export type BlobSenders = {
  /**
   * False for a blob of which a mirror has sent other bytes: only the last host is asked, which is the
   * registry itself where that may be asked at all.
   */
  readonly asksMirrors: boolean;
  /** Told of each that begins to send. The last host is no mirror here, for there is none behind it. */
  readonly onSending: (sender: { readonly host: string; readonly isMirror: boolean }) => void;
};

export type Resolved = { readonly descriptor: Descriptor; readonly bytes: Uint8Array };

/** Structured-cloneable. */
export type RegistryOptions = {
  /**
   * Directories with HOST/hosts.toml, in order (containerd's `config_path`). Read anew for every Registry: no
   * restart needed.
   */
  readonly certsDirs: readonly string[];
  /** Files in the form of docker's config.json, asked when the request brings no credentials for a host. */
  readonly dockerConfigFiles: readonly string[];
  /**
   * A transfer is broken when no byte arrives for so long. Time in which the reader is busy does not count.
   */
  readonly progressTimeoutMs: number;
  readonly userAgent: string;
  readonly credentials: Credentials | undefined;
  /** Hosts for which nothing is configured are spoken to over HTTP alone. */
  readonly plainHttp?: boolean;
  readonly retry?: RetryOptions;
  readonly parts?: PartsOptions;
};

export type RetryOptions = {
  /** Consecutive tries without a new byte before a transfer is given up. Default 5. */
  readonly tries: number;
  /**
   * Wait before the second try, doubled for each further one, with up to half of it taken off at random.
   * Default 250.
   */
  readonly baseDelayMs: number;
  /** Longest wait, also for a server's Retry-After. Default 30 000. */
  readonly maxDelayMs: number;
};

/**
 * From CRI's AuthConfig or docker's config.json. Never logged. Sent to the registry's own host (or
 * `serverAddress`, when given) and to the token service it names, to no mirror of another name and through no
 * redirect to another host.
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

/** Manifests, indexes and configs larger than this are refused, as other runtimes do. */
export const maxSmallBytes = 4 * 1024 * 1024;

/** `sha256:...` or the tag: what stands after `manifests/` in a URL. A digest wins over a tag. */
export function manifestName(reference: Reference): Digest | string {
  return reference.digest ?? reference.tag ?? "latest";
}
