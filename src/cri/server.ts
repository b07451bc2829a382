import { chmod, chown } from "node:fs/promises";
import {
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { Engine } from "../engine/index.ts";
import type { Logger } from "../logging/index.ts";
import { HealthService, ImageServiceService, RuntimeServiceService } from "../protocol/index.ts";
import { Calls } from "./calls.ts";
import { checkpointHandlers } from "./checkpoints.ts";
import { containerHandlers } from "./containers.ts";
import { CriError } from "./errors.ts";
import { eventHandlers } from "./events.ts";
import { execHandlers, type Streaming } from "./exec.ts";
import type { RuntimeHandlers } from "./handlers.ts";
import { healthHandlers } from "./health.ts";
import { imageHandlers } from "./images.ts";
import type { MetricGroup } from "./metrics/family.ts";
import { reflectionServices } from "./reflection.ts";
import { type SandboxAnswers, sandboxHandlers } from "./sandboxes.ts";
import { securityProfileHandlers } from "./security-profiles.ts";
import { implement } from "./service.ts";
import { claimSocketPath } from "./socket.ts";
import { statsHandlers } from "./stats.ts";
import { versionStatusHandlers } from "./version-status.ts";

export type CriServerOptions = {
  readonly engine: Engine;
  readonly logger: Logger;
  /** Serves the streams of Exec, Attach and PortForward; these answer UNIMPLEMENTED without it. */
  readonly streaming?: Streaming | undefined;
  /** Other services on the same socket, with grpc-js' own handlers. */
  readonly services?: readonly GrpcService[];
  /** Groups of metrics that are given; none when left out. */
  readonly metrics?: readonly MetricGroup[];
  readonly answers?: SandboxAnswers | undefined;
  /** What Status tells when verbose besides what the engine does. */
  readonly details?: () => Promise<Readonly<Record<string, unknown>>>;
};

export type GrpcService = {
  readonly definition: ServiceDefinition;
  readonly handlers: UntypedServiceImplementation;
};

/** As containerd's and CRI-O's. Answers are not limited: an ExecSync may hold twice as much. */
const maxRequestBytes = 16 * 1024 * 1024;

/** Its owner and group may connect; that is as good as being root. The group is the process's own unless another is given. */
const socketMode = 0o660;

/** Serves RuntimeService, ImageService, grpc.health.v1.Health and server reflection on a unix socket. Listens once; is closed once. */
export class CriServer implements AsyncDisposable {
  readonly #server = new Server({ "grpc.max_receive_message_length": maxRequestBytes });
  readonly #calls: Calls;
  readonly #closing = new AbortController();

  constructor(options: CriServerOptions) {
    const { engine, logger, services = [] } = options;
    this.#calls = new Calls(logger);
    this.#add(RuntimeServiceService, runtimeHandlers(options));
    this.#add(ImageServiceService, { ...imageHandlers(engine), ...securityProfileHandlers(engine) });
    const definitions = [
      RuntimeServiceService,
      ImageServiceService,
      ...services.map((one) => one.definition),
    ];
    this.#add(HealthService, healthHandlers(definitions.map(serviceName), this.#closing.signal));
    const names = [...definitions, HealthService].map(serviceName);
    for (const { definition, handlers } of [...services, ...reflectionServices(names, logger)])
      this.#server.addService(definition, handlers);
  }

  /**
   * Serves from now on at an absolute path, mode 0660 and of that group, and replaces a socket there that nobody answers on. Throws
   * CriError InvalidArgument or FailedPrecondition when the path cannot be had, Unavailable when listening fails.
   */
  async listen(socketPath: string, group?: number): Promise<void> {
    await claimSocketPath(socketPath);
    try {
      await this.#bind(`unix:${socketPath}`);
      if (group !== undefined) await chown(socketPath, -1, group);
      await chmod(socketPath, socketMode);
    } catch (cause) {
      throw new CriError("Unavailable", `socket ${socketPath}: cannot listen`, { cause });
    }
  }

  /**
   * Takes no new calls, ends streams, and gives other calls under way some time before it aborts them. Resolves when
   * every handler has returned and the socket is gone.
   */
  async close(graceMs = 5000): Promise<void> {
    this.#closing.abort();
    // Those that watch the health hear of it before their streams end.
    await new Promise(setImmediate);
    this.#calls.end("streams");
    const drained = new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
    const overdue = setTimeout(() => this.#calls.end("all"), graceMs);
    await this.#calls.settled();
    clearTimeout(overdue);
    // What is left are answers that nobody takes, and connections that idle.
    const impatience = setTimeout(() => this.#server.forceShutdown(), 1000);
    await drained;
    clearTimeout(impatience);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #add(definition: ServiceDefinition, handlers: Readonly<Record<string, unknown>>): void {
    this.#server.addService(definition, implement(definition, handlers, this.#calls));
  }

  #bind(address: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(error),
      );
    });
  }
}

/** The full name of a service, which its methods' paths begin with. */
function serviceName(definition: ServiceDefinition): string {
  return Object.values(definition)[0]?.path.split("/")[1] ?? "";
}

function runtimeHandlers({
  engine,
  streaming,
  metrics = [],
  answers,
  details = async () => ({}),
}: CriServerOptions): RuntimeHandlers {
  return {
    ...versionStatusHandlers(engine, details),
    ...sandboxHandlers(engine, answers),
    ...containerHandlers(engine),
    ...checkpointHandlers(engine),
    ...execHandlers(engine, streaming),
    ...eventHandlers(engine),
    ...statsHandlers(engine, metrics),
  };
}
