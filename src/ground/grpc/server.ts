import { chmod, chown } from "node:fs/promises";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { Logger } from "../logging/index.ts";
import { HealthService } from "../protocol/index.ts";
import { CallLog } from "./call-log.ts";
import { Calls } from "./calls.ts";
import { GrpcError } from "./errors.ts";
import { healthService } from "./health.ts";
import { tuneHttp2 } from "./http2-tuning.ts";
import type { CallObserver } from "./observer.ts";
import { gatherLargeMessages } from "./received-memory.ts";
import { reflectionServices } from "./reflection.ts";
import { addService, type GrpcService, serviceName } from "./service.ts";
import { claimSocketPath } from "./socket.ts";

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
 * Owner and group may connect, which is equivalent to being root. The group is the process's own unless one
 * is given.
 */
const socketMode = 0o660;

/**
 * Serves the doors' services, grpc.health.v1.Health and server reflection on a unix socket. May be closed
 * only once.
 */
export class GrpcServer implements AsyncDisposable {
  readonly #server = new Server({
    "grpc.max_receive_message_length": maxRequestBytes,
    // A record of every call for a service that is not offered.
    "grpc.enable_channelz": 0,
  });
  readonly #calls: Calls;
  readonly #closing = new AbortController();

  constructor({ services, logger, observers = [] }: GrpcServerOptions) {
    tuneHttp2(this.#server);
    gatherLargeMessages();
    this.#calls = new Calls([new CallLog(logger), ...observers]);
    const offered = services.map(({ definition }) => serviceName(definition));
    const health = healthService(offered, this.#closing.signal);
    const described = [...offered, serviceName(HealthService)];
    for (const service of [...services, health, ...reflectionServices(described)])
      addService(this.#server, service, this.#calls);
  }

  /**
   * Also serves at this absolute path from now on, with mode 0660 and that group; replaces a stale socket.
   * Throws GrpcError InvalidArgument or FailedPrecondition if the path cannot be used, Unavailable if
   * listening fails.
   */
  async listen(socketPath: string, group?: number): Promise<void> {
    await claimSocketPath(socketPath);
    try {
      await this.#bind(`unix:${socketPath}`);
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
    const drained = new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
    const overdue = setTimeout(() => this.#calls.end("all"), graceMs);
    await this.#calls.settled();
    clearTimeout(overdue);
    // Only unread responses and idle connections are left.
    const impatience = setTimeout(() => this.#server.forceShutdown(), 1000);
    await drained;
    clearTimeout(impatience);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #bind(address: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(error),
      );
    });
  }
}
