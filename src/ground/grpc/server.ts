import { once } from "node:events";
import { chmod, chown } from "node:fs/promises";
import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Logger } from "../logging/index.ts";
import { HealthService } from "../protocol/index.ts";
import { CallLog } from "./call-log.ts";
import { Calls, type ServedMethod } from "./calls.ts";
import { GrpcError } from "./errors.ts";
import { healthService } from "./health.ts";
import type { CallObserver } from "./observer.ts";
import { receivedGarbage } from "./received-garbage.ts";
import { reflectionServices } from "./reflection.ts";
import { ServerCall } from "./server-call.ts";
import { type GrpcService, methodsOf, serviceName } from "./service.ts";
import { claimSocketPath } from "./socket.ts";
import { statusOf } from "./status.ts";

export type GrpcServerOptions = {
  /** The doors' services. */
  readonly services: readonly GrpcService[];
  readonly logger: Logger;
  /** Called for every call, in addition to the log. */
  readonly observers?: readonly CallObserver[];
};

/** As in containerd and CRI-O. Responses are not limited: an ExecSync's may be twice as large. */
const maxRequestBytes = 16 * 1024 * 1024;

/**
 * Flow-control window of a stream and of a connection. With HTTP/2's default of 64 KiB, a message of 1 MiB
 * takes sixteen round trips.
 */
const windowBytes = 4 * 1024 * 1024;

/** HTTP/2 for clients on this machine that may use the socket: they need no limits. */
const http2Options = {
  // Clients that read parts of a blob, such as containerd's, reset a stream for each: more than a thousand
  // within half a minute are not an attack, for which nghttp2 would end the connection.
  streamResetBurst: Number.MAX_SAFE_INTEGER,
  streamResetRate: Number.MAX_SAFE_INTEGER,
  maxHeaderListPairs: Number.MAX_SAFE_INTEGER,
  maxSendHeaderBlockLength: Number.MAX_SAFE_INTEGER,
  maxSessionMemory: Number.MAX_SAFE_INTEGER,
  settings: { initialWindowSize: windowBytes },
} as const;

/** With a message format or parameters; but not that of another protocol, such as application/grpc-web. */
const grpcContentType = /^application\/grpc(?:$|[+;])/;

/**
 * Owner and group may connect, which is equivalent to being root. The group is the process's own unless one
 * is given.
 */
const socketMode = 0o660;

/**
 * Serves the doors' services, grpc.health.v1.Health and server reflection on a unix socket. May be closed
 * only once.
 */
export class GrpcServer implements AsyncDisposable {
  readonly #servers: Http2Server[] = [];
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #methods: ReadonlyMap<string, ServedMethod>;
  readonly #calls: Calls;
  readonly #logger: Logger;
  readonly #callOptions = { maxRequestBytes, received: receivedGarbage() };
  readonly #closing = new AbortController();

  constructor({ services, logger, observers = [] }: GrpcServerOptions) {
    this.#logger = logger;
    this.#calls = new Calls([new CallLog(logger), ...observers]);
    const offered = services.map(({ definition }) => serviceName(definition));
    const health = healthService(offered, this.#closing.signal);
    const described = [...offered, serviceName(HealthService)];
    const all = [...services, health, ...reflectionServices(described)];
    this.#methods = new Map(all.flatMap((service) => [...methodsOf(service)]));
  }

  /**
   * Also serves at this absolute path from now on, with mode 0660 and that group; replaces a stale socket.
   * Throws GrpcError InvalidArgument or FailedPrecondition if the path cannot be used, Unavailable if
   * listening fails.
   */
  async listen(socketPath: string, group?: number): Promise<void> {
    await claimSocketPath(socketPath);
    try {
      await this.#bind(socketPath);
      if (group !== undefined) await chown(socketPath, -1, group);
      await chmod(socketPath, socketMode);
    } catch (cause) {
      throw new GrpcError("Unavailable", `socket ${socketPath}: cannot listen`, { cause });
    }
  }

  /**
   * Accepts no new calls, ends endless ones, and gives the others in flight some time before it aborts them.
   * Resolves when all handlers have returned and the sockets are removed.
   */
  async close(graceMs = 5000): Promise<void> {
    this.#closing.abort();
    // Health watchers are notified before their streams end.
    await new Promise(setImmediate);
    this.#calls.end("endless");
    const drained = Promise.all(this.#servers.map((server) => this.#drain(server)));
    const overdue = setTimeout(() => this.#calls.end("all"), graceMs);
    await this.#calls.settled();
    clearTimeout(overdue);
    // Only unread responses and idle connections are left.
    const impatience = setTimeout(() => this.#sessions.forEach((session) => void session.destroy()), 1000);
    await drained;
    clearTimeout(impatience);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #bind(socketPath: string): Promise<void> {
    const server = createServer(http2Options);
    server.on("session", (session) => this.#onSession(session));
    server.on("stream", (stream: ServerHttp2Stream, headers) => this.#onStream(stream, headers));
    server.listen(socketPath);
    await once(server, "listening");
    server.on("error", (error) => this.#logger.error({ err: error, socketPath }, "accepting a connection"));
    this.#servers.push(server);
  }

  /** Each connection ends with its calls in flight. */
  async #drain(server: Http2Server): Promise<void> {
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #onSession(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    session.once("close", () => this.#sessions.delete(session));
    session.setLocalWindowSize(windowBytes);
  }

  #onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    if (!grpcContentType.test(headers["content-type"] ?? "")) {
      stream.on("error", () => undefined);
      stream.respond({ ":status": 415 }, { endStream: true });
      return;
    }
    const call = new ServerCall(stream, headers, this.#callOptions);
    const path = String(headers[":path"]);
    const served = this.#methods.get(path);
    if (served !== undefined) this.#calls.run(served, call);
    else call.end(statusOf(new GrpcError("Unimplemented", `unknown method ${path.slice(1)}`)));
  }
}
