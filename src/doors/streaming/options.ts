import type { SecureVersion } from "node:tls";

export type StreamingServerOptions = {
  /** IP address to listen on. Default 127.0.0.1. */
  readonly address?: string;
  /** Default 0: a free one. */
  readonly port?: number;
  /** Default: plain HTTP. */
  readonly tls?: StreamingTls;
  /** A connection is closed after this idle time. Default 4 h. */
  readonly idleTimeoutMs?: number;
  /** How long a SPDY client may take to open its streams. Default 30 s. */
  readonly streamCreationTimeoutMs?: number;
  /** Lifetime of a URL. Default 60 s. */
  readonly tokenTtlMs?: number;
  /** Maximum of unused URLs. Default 1,000. */
  readonly maxTokensInFlight?: number;
  /** Maximum of connections; further ones are dropped. Default 2,000. */
  readonly maxConnections?: number;
  /** How long a client may take for the TLS handshake, and again for the request's headers. Default 10 s. */
  readonly handshakeTimeoutMs?: number;
  /** Maximum WebSocket message from a client, which must be buffered as a whole. Default 4 MiB. */
  readonly maxMessageBytes?: number;
};

/** PEM texts. */
export type StreamingTls = {
  readonly cert: string;
  readonly key: string;
  /** Clients must present a certificate signed by this CA. Default: none is required. */
  readonly clientCa?: string;
  /** Default TLSv1.2. */
  readonly minVersion?: SecureVersion;
};

export type ResolvedOptions = Required<Omit<StreamingServerOptions, "tls">> & {
  readonly tls: StreamingTls | undefined;
};

export function withDefaults(options: StreamingServerOptions): ResolvedOptions {
  return {
    address: "127.0.0.1",
    port: 0,
    idleTimeoutMs: 4 * 3_600_000,
    streamCreationTimeoutMs: 30_000,
    tokenTtlMs: 60_000,
    maxTokensInFlight: 1_000,
    maxConnections: 2_000,
    handshakeTimeoutMs: 10_000,
    maxMessageBytes: 4 * 1_048_576,
    ...options,
    tls: options.tls,
  };
}
