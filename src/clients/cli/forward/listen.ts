import { once } from "node:events";
import { createServer, isIPv6, type Server, type Socket } from "node:net";
import { CliError } from "../errors.ts";
import type { ForwardedPort } from "../values/ports.ts";

/** Local ports that are listened on until it is disposed of, with all connections. */
export class Listeners implements Disposable {
  readonly #listeners: Listener[] = [];
  readonly #sockets = new Set<Socket>();

  /** The addresses and the ports to which they forward. */
  get all(): readonly Listener[] {
    return this.#listeners;
  }

  /** Listens on a port of every address. Throws CliError FailedPrecondition if it is not available. */
  async add(
    port: ForwardedPort,
    addresses: readonly ListenAddress[],
    onConnection: (socket: Socket, remote: number) => void,
  ): Promise<void> {
    const added = await listen(port, addresses, (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      onConnection(socket, port.remote);
    });
    this.#listeners.push(...added);
  }

  [Symbol.dispose](): void {
    for (const { server } of this.#listeners) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** A local port on one address for connections to a pod's port. */
export type Listener = {
  readonly server: Server;
  /** As in a URL: `127.0.0.1:8080`, `[::1]:8080`. */
  readonly at: string;
  readonly remote: number;
};

/** How often to try another free port if one is free on only one of the addresses. */
const maxTries = 20;

/**
 * Listens on the same local port of all addresses. Optional addresses that this machine does not have are
 * left out.
 */
async function listen(
  { local, remote }: ForwardedPort,
  addresses: readonly ListenAddress[],
  onConnection: (socket: Socket) => void,
): Promise<readonly Listener[]> {
  for (let tries = 1; ; tries++) {
    const listeners: Listener[] = [];
    let port = local;
    try {
      for (const address of addresses) {
        const server = await listenOn(address, port, onConnection);
        if (server === undefined) continue;
        port = portOf(server);
        listeners.push({
          server,
          at: `${isIPv6(address.ip) ? `[${address.ip}]` : address.ip}:${port}`,
          remote,
        });
      }
      return listeners;
    } catch (error) {
      for (const { server } of listeners) server.close();
      const other = local === 0 && tries < maxTries && errno(error) === "EADDRINUSE";
      if (!other) throw cannotListen(port, error);
    }
  }
}

export type ListenAddress = {
  readonly ip: string;
  /** Whether a missing address is an error. */
  readonly required: boolean;
};

/** 127.0.0.1 always exists; ::1 does not if IPv6 is disabled. */
export const loopbackAddresses: readonly ListenAddress[] = [
  { ip: "127.0.0.1", required: true },
  { ip: "::1", required: false },
];

async function listenOn(
  { ip, required }: ListenAddress,
  port: number,
  onConnection: (socket: Socket) => void,
): Promise<Server | undefined> {
  // Either side may end its half before the other does.
  const server = createServer({ allowHalfOpen: true, noDelay: true }, onConnection);
  server.listen({ host: ip, port, ipv6Only: isIPv6(ip) });
  try {
    await once(server, "listening");
    return server;
  } catch (error) {
    const missing = ["EADDRNOTAVAIL", "EAFNOSUPPORT"].includes(errno(error));
    if (missing && !required) return undefined;
    throw error;
  }
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

function errno(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function cannotListen(port: number, cause: unknown): CliError {
  const hint: Readonly<Record<string, string>> = {
    EADDRINUSE: "it is already in use; `:REMOTE` picks a free port",
    EACCES: "ports below 1024 need root",
    EADDRNOTAVAIL: "this machine has no such address",
  };
  const reason = hint[errno(cause)];
  return new CliError(
    "FailedPrecondition",
    `cannot listen on port ${port}${reason === undefined ? "" : `: ${reason}`}`,
    { cause },
  );
}
