import type { Duplex } from "node:stream";
import type { AttachRequest, ExecRequest, StreamIo, Streams } from "../engine/index.ts";
import { forwardPort } from "../podnetwork/index.ts";
import { sandboxFacts } from "./sandbox/sandbox-facts.ts";
import type { PodServices } from "./services.ts";
import { runningTask } from "./tasks/running-task.ts";

/** Exec and attach by the containers' tasks, port-forward by sockets made in the pods' network namespaces. */
export class PodStreams implements Streams {
  readonly #services: PodServices;

  constructor(services: PodServices) {
    this.#services = services;
  }

  async exec(
    { containerId, args, tty }: ExecRequest,
    io: StreamIo,
    signal: AbortSignal,
  ): Promise<{ readonly exitCode: number }> {
    return runningTask(this.#services, containerId).execStreamed({ args, terminal: tty }, io, signal);
  }

  async attach({ containerId }: AttachRequest, io: StreamIo, signal: AbortSignal): Promise<void> {
    await runningTask(this.#services, containerId).attach(io, signal);
  }

  async portForward(sandboxId: string, port: number, connection: Duplex, signal: AbortSignal): Promise<void> {
    const sandbox = this.#services.usableSandboxes.get(sandboxId);
    const netnsPath = sandboxFacts(sandbox, this.#services).namespaces.network;
    await forwardPort({ netnsPath, port }, connection, signal);
  }
}
