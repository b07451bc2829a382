import { BerthError } from "../../ground/errors/index.ts";
import type { Digest } from "../../parts/oci/index.ts";

/**
 * Codes: FailedPrecondition (a configuration that cannot be used, or a file of it), Unavailable, DataLoss.
 */
export class PeerError extends BerthError {}

/** Another node that may have a blob. */
export type Peer = {
  /** As it was configured, which its certificate must name unless the configuration says a name for all. */
  readonly name: string;
  /** An IP address. */
  readonly address: string;
  readonly port: number;
};

/** How peers are spoken to. Structured-cloneable. */
export type PeerAccess = {
  /** PEM of the authorities that peers' certificates must be of; undefined for plain HTTP, on loopback. */
  readonly ca: string | undefined;
  /** This node's own certificate and key in PEM form, for peers that ask for one. */
  readonly identity: { readonly certificate: string; readonly key: string } | undefined;
  readonly token: string | undefined;
  /** What peers' certificates must name in place of the name that led to them. */
  readonly serverName: string | undefined;
  /** Time within which a peer must have answered, and over which its pace is measured. */
  readonly timeoutMs: number;
};

export type WantedBlob = { readonly digest: Digest; readonly size: number };

/** What came of asking peers for a blob. */
export type PeerOutcome = {
  /** Who had it, whole and right; undefined where nobody did. */
  readonly from: Peer | undefined;
  /** Peers that should not be asked for a while. */
  readonly failures: readonly PeerFailure[];
};

export type PeerFailure = { readonly peer: Peer; readonly reason: string };

/** Where a peer has a blob: `/v1/blobs/sha256:...`. */
export const blobsPath = "/v1/blobs/";

export function nameOfPeer({ name, address, port }: Peer): string {
  const shown = address.includes(":") ? `[${address}]` : address;
  return name === address ? `${shown}:${port}` : `${name} (${shown}:${port})`;
}

/** True for addresses that packets of this machine alone reach. */
export function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.");
}
