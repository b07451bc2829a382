import { BerthError } from "../../ground/errors/index.ts";
import type { Digest } from "../../parts/oci/index.ts";

/** Codes: FailedPrecondition (an unusable configuration, or file in it), Unavailable, DataLoss. */
export class PeerError extends BerthError {}

/** Another node that may have a blob. */
export type Peer = {
  /** The configured name; its certificate must have it unless the configuration has one name for all. */
  readonly name: string;
  /** An IP address. */
  readonly address: string;
  readonly port: number;
};

/** How to connect to peers. Structured-cloneable. */
export type PeerAccess = {
  /** PEM of the authorities that issue peers' certificates; undefined for plain HTTP, on loopback. */
  readonly ca: string | undefined;
  /** This node's own certificate and key in PEM form, for peers that ask for one. */
  readonly identity: { readonly certificate: string; readonly key: string } | undefined;
  readonly token: string | undefined;
  /** Name that peers' certificates must have, instead of the configured one. */
  readonly serverName: string | undefined;
  /** Time within which a peer must respond, and over which its transfer rate is measured. */
  readonly timeoutMs: number;
};

export type WantedBlob = { readonly digest: Digest; readonly size: number };

/** The outcome of requesting a blob from peers. */
export type PeerOutcome = {
  /** The peer that sent it, complete and correct; undefined if none did. */
  readonly from: Peer | undefined;
  /** Peers to drop for a while. */
  readonly failures: readonly PeerFailure[];
};

export type PeerFailure = { readonly peer: Peer; readonly reason: string };

/** Path of blobs on a peer: `/v1/blobs/sha256:...`. */
export const blobsPath = "/v1/blobs/";

export function nameOfPeer({ name, address, port }: Peer): string {
  const shown = address.includes(":") ? `[${address}]` : address;
  return name === address ? `${shown}:${port}` : `${name} (${shown}:${port})`;
}

/** Whether only this machine can reach the address. */
export function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.");
}
