import { Resolver } from "node:dns/promises";
import { isIP } from "node:net";
import { messageOf } from "../../ground/errors/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import { type Peer, PeerError } from "./peer.ts";

const dnsTimeoutMs = 2000;
/** Names are looked up again after this, whatever their TTL. */
const keptMs = 30_000;

type Entry =
  | { readonly kind: "address"; readonly peer: Peer }
  | { readonly kind: "host"; readonly name: string; readonly port: number }
  | { readonly kind: "service"; readonly name: string };

/**
 * Where peers are: `ADDRESS:PORT`, `NAME:PORT` for all addresses (A, AAAA) of a name, or `_SERVICE._tcp.NAME`
 * for its SRV records. Names are resolved only with DNS.
 */
export class PeerAddresses {
  readonly #entries: readonly Entry[];
  readonly #resolver: Resolver;
  readonly #logger: Logger;
  #found: { readonly peers: Promise<readonly Peer[]>; readonly untilMs: number } | undefined;

  /** Throws PeerError FailedPrecondition. `resolver` is for tests. */
  constructor(
    from: readonly string[],
    logger: Logger,
    resolver = new Resolver({ timeout: dnsTimeoutMs, tries: 1 }),
  ) {
    this.#entries = from.map(parseEntry);
    this.#logger = logger;
    this.#resolver = resolver;
  }

  /** Peers whose names cannot be resolved are left out and logged. */
  async all(): Promise<readonly Peer[]> {
    const nowMs = performance.now();
    if (this.#found === undefined || this.#found.untilMs <= nowMs)
      this.#found = { peers: this.#lookUp(), untilMs: nowMs + keptMs };
    return await this.#found.peers;
  }

  async #lookUp(): Promise<readonly Peer[]> {
    const found = await Promise.all(this.#entries.map((entry) => this.#peersOf(entry)));
    return found.flat();
  }

  async #peersOf(entry: Entry): Promise<readonly Peer[]> {
    try {
      switch (entry.kind) {
        case "address":
          return [entry.peer];
        case "host":
          return await this.#addressesOf(entry.name, entry.port);
        case "service": {
          const records = await this.#resolver.resolveSrv(entry.name);
          return (await Promise.all(records.map(({ name, port }) => this.#addressesOf(name, port)))).flat();
        }
      }
    } catch (error) {
      this.#logger.warn({ err: error }, `peers: cannot look up ${entryName(entry)}`);
      return [];
    }
  }

  async #addressesOf(name: string, port: number): Promise<readonly Peer[]> {
    const [v4, v6] = await Promise.allSettled([this.#resolver.resolve4(name), this.#resolver.resolve6(name)]);
    if (v4.status === "rejected" && v6.status === "rejected")
      throw new PeerError("Unavailable", `${name}: ${messageOf(v4.reason)}`, { cause: v4.reason });
    return [v4, v6]
      .flatMap((each) => (each.status === "fulfilled" ? each.value : []))
      .map((address) => ({ name, address, port }));
  }
}

function parseEntry(text: string): Entry {
  if (text.startsWith("_")) return { kind: "service", name: text };
  const { host, port } = parseHostPort(text);
  return isIP(host) === 0
    ? { kind: "host", name: host, port }
    : { kind: "address", peer: { name: host, address: host, port } };
}

/** `HOST:PORT`, an IPv6 address in brackets. Throws PeerError FailedPrecondition. */
export function parseHostPort(text: string): { readonly host: string; readonly port: number } {
  const colon = text.lastIndexOf(":");
  const written = text.slice(0, Math.max(colon, 0));
  const isBracketed = written.startsWith("[") && written.endsWith("]");
  const host = isBracketed ? written.slice(1, -1) : written;
  const digits = text.slice(colon + 1);
  const port = Number(digits);
  const isPort = digits !== "" && Number.isInteger(port) && port >= 0 && port <= 65_535;
  if (host === "" || !isPort || (host.includes(":") && !isBracketed))
    throw new PeerError(
      "FailedPrecondition",
      `images.peers: ${JSON.stringify(text)} is not HOST:PORT (an IPv6 address in brackets)`,
    );
  return { host, port };
}

function entryName(entry: Entry): string {
  return entry.kind === "address" ? entry.peer.address : entry.name;
}
