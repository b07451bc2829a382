import { once } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer as createTlsServer, type ServerOptions } from "node:https";
import { isIPv6 } from "node:net";
import type { Duplex } from "node:stream";
import { ClientSession } from "./client-session.ts";
import type { StreamingEngine } from "./engine.ts";
import { StreamingError } from "./errors.ts";
import { negotiate, notFound, parseTarget, type Refusal, refuse } from "./handshake.ts";
import { type ResolvedOptions, type StreamingServerOptions, withDefaults } from "./options.ts";
import { checkRequest, type StreamingRequest } from "./requests.ts";
import { Tokens } from "./tokens.ts";

/**
 * An import would load all that is on `node:http`, the global WebSocket among it: 30 ms of each start of the
 * daemon.
 */
const { createServer } = process.getBuiltinModule("node:http");

/** How long closing waits for engine calls to end and for clients to take the last bytes, in ms. */
const CLOSE_TIMEOUT_MS = 5_000;

/**
 * Serves exec, attach and port-forward to the clients that were given a URL.
 *
 * A URL is given for one request, after the request was checked; the client upgrades the connection to
 * SPDY/3.1 or WebSocket and the engine's call runs until one side ends it. Disposing takes the URLs back,
 * aborts the engine's calls, tells the clients, and closes everything.
 */
export class StreamingServer implements AsyncDisposable {
  readonly #engine: StreamingEngine;
  readonly #options: ResolvedOptions;
  readonly #server: Server;
  readonly #tokens: Tokens<StreamingRequest>;
  readonly #closing = new AbortController();
  readonly #sessions = new Map<Promise<void>, Duplex>();
  readonly #baseUrl: URL;

  private constructor(engine: StreamingEngine, options: ResolvedOptions, server: Server) {
    this.#engine = engine;
    this.#options = options;
    this.#server = server;
    this.#tokens = new Tokens({ maxInFlight: options.maxTokensInFlight, ttlMs: options.tokenTtlMs });
    this.#baseUrl = baseUrlOf(server, options);
    server.on("request", (request, response) => this.#onRequest(request, response));
    server.on("upgrade", (request, socket, head) => this.#onUpgrade(request, socket, head));
  }

  /**
   * Listens. Throws StreamingError Unavailable when the address cannot be had, InvalidArgument for a bad
   * certificate.
   */
  static async start(
    engine: StreamingEngine,
    options: StreamingServerOptions = {},
  ): Promise<StreamingServer> {
    const resolved = withDefaults(options);
    const server = makeServer(resolved);
    server.listen({ host: resolved.address, port: resolved.port });
    try {
      await once(server, "listening");
    } catch (error) {
      const where = `${resolved.address} port ${resolved.port}`;
      throw new StreamingError("Unavailable", `listen for streaming clients on ${where}`, { cause: error });
    }
    return new StreamingServer(engine, resolved, server);
  }

  /**
   * A URL that serves this request once, within a minute. Throws StreamingError: InvalidArgument (no
   * container, no stream, terminal with stderr), ResourceExhausted (too many URLs not used yet), Unavailable
   * (closed).
   */
  url(request: StreamingRequest): URL {
    if (this.#closing.signal.aborted) {
      throw new StreamingError("Unavailable", "create a streaming URL: the streaming server is closed");
    }
    checkRequest(request);
    return new URL(`/${request.kind}/${this.#tokens.add(request)}`, this.#baseUrl);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new StreamingError("Canceled", "the streaming server is shutting down"));
    const closed = this.#server.listening ? once(this.#server, "close") : Promise.resolve();
    this.#server.close();
    const timer = setTimeout(() => this.#destroySockets(), CLOSE_TIMEOUT_MS);
    await Promise.allSettled(this.#sessions.keys());
    clearTimeout(timer);
    this.#destroySockets();
    this.#server.closeAllConnections();
    await closed;
  }

  #destroySockets(): void {
    for (const socket of this.#sessions.values()) socket.destroy();
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const target = parseTarget(request);
    const {
      status,
      message,
      headers = {},
    } = "status" in target ? target : upgradeNeeded(request, target.kind);
    response.writeHead(status, {
      ...headers,
      "Content-Type": "text/plain; charset=utf-8",
      Connection: "close",
    });
    response.end(`${message}\n`);
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Whoever uses the socket sees its close; nobody has to listen for the error lest the process end.
    socket.on("error", () => {});
    const target = parseTarget(request);
    if ("status" in target) {
      refuse(socket, target);
      return;
    }
    const upgrade = negotiate(request, target.kind);
    if ("status" in upgrade) {
      refuse(socket, upgrade);
      return;
    }
    const streaming = this.#tokens.take(target.token);
    if (streaming === undefined || streaming.kind !== target.kind) {
      refuse(socket, notFound);
      return;
    }
    const session = new ClientSession(
      this.#engine,
      this.#options,
      { request, socket, head, upgrade },
      this.#closing.signal,
    );
    this.#track(session.run(streaming), socket);
  }

  #track(session: Promise<void>, socket: Duplex): void {
    const settled = session
      .catch((error: unknown) => {
        // The client's own failure: it is told if it can be, and there is nobody else to tell.
        const isBeforeUpgrade = error instanceof StreamingError && error.code === "InvalidArgument";
        if (isBeforeUpgrade) refuse(socket, { status: 400, message: error.message });
        else socket.destroy();
      })
      .finally(() => this.#sessions.delete(settled));
    this.#sessions.set(settled, socket);
  }
}

function upgradeNeeded(request: IncomingMessage, kind: StreamingRequest["kind"]): Refusal {
  const upgrade = negotiate(request, kind);
  return "status" in upgrade ? upgrade : { status: 400, message: "the connection cannot be upgraded" };
}

function makeServer(options: ResolvedOptions): Server {
  const { tls, handshakeTimeoutMs } = options;
  const http = {
    headersTimeout: handshakeTimeoutMs,
    requestTimeout: handshakeTimeoutMs,
    connectionsCheckingInterval: Math.min(1_000, handshakeTimeoutMs),
    keepAlive: true,
    keepAliveInitialDelay: 30_000,
    noDelay: true,
  };
  const server =
    tls === undefined ? createServer(http) : makeTlsServer({ ...http, ...tlsOptions(tls, options) });
  server.maxConnections = options.maxConnections;
  return server;
}

function makeTlsServer(options: ServerOptions): Server {
  try {
    return createTlsServer(options);
  } catch (error) {
    throw new StreamingError("InvalidArgument", "read the streaming server's certificate and key", {
      cause: error,
    });
  }
}

function tlsOptions(
  { cert, key, clientCa, minVersion }: NonNullable<ResolvedOptions["tls"]>,
  { handshakeTimeoutMs }: ResolvedOptions,
) {
  return {
    cert,
    key,
    minVersion: minVersion ?? ("TLSv1.2" as const),
    handshakeTimeout: handshakeTimeoutMs,
    ...(clientCa !== undefined && { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
  };
}

function baseUrlOf(server: Server, { tls, address }: ResolvedOptions): URL {
  const bound = server.address();
  if (bound === null || typeof bound === "string")
    throw new StreamingError("Internal", "the server has no port");
  const host = isIPv6(address) ? `[${address}]` : address;
  return new URL(`${tls === undefined ? "http" : "https"}://${host}:${bound.port}`);
}
