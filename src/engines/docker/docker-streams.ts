import type { Duplex, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Logger } from "../../ground/logging/index.ts";
import { readFrames } from "../../parts/dockerapi/index.ts";
import {
  type AttachRequest,
  EngineError,
  type ExecRequest,
  type StreamIo,
  type Streams,
  type TerminalSize,
} from "../engine/index.ts";
import { forwardPort, sharesHostNetwork } from "../podnetwork/index.ts";
import type { DockerServices } from "./docker-services.ts";
import type { FoundContainer } from "./found.ts";
import { getById } from "./ids.ts";
import { writeToClient } from "./write-to-client.ts";

/**
 * Exec and attach over connections that Docker upgrades; port forwarding with sockets in the pods' network
 * namespaces.
 */
export class DockerStreams implements Streams {
  readonly #services: DockerServices;

  constructor(services: DockerServices) {
    this.#services = services;
  }

  async exec(
    { containerId, args, tty }: ExecRequest,
    io: StreamIo,
    signal: AbortSignal,
  ): Promise<{ readonly exitCode: number }> {
    const { client, logger, execs } = this.#services;
    const container = this.#running(containerId);
    const request = {
      Cmd: args,
      Tty: tty,
      AttachStdin: io.stdin !== undefined,
      AttachStdout: true,
      AttachStderr: !tty,
    };
    await using exec = await execs.start(container, request, signal);
    void followSizes(io, (height, width) => client.resizeExec(exec.id, height, width), logger);
    await copyStreams(exec.connection, tty ? undefined : exec.frames(), io);
    signal.throwIfAborted();
    return { exitCode: await exec.exitCode() };
  }

  async attach({ containerId }: AttachRequest, io: StreamIo, signal: AbortSignal): Promise<void> {
    const { client, logger } = this.#services;
    const { id, labels } = this.#running(containerId);
    const { tty, stdin, stdinOnce } = labels.config;
    const connection = await client.attach(id, stdin && io.stdin !== undefined, signal);
    const end = () => void connection.destroy();
    signal.addEventListener("abort", end, { once: true });
    using _ending = { [Symbol.dispose]: () => signal.removeEventListener("abort", end) };
    void followSizes(io, (height, width) => client.resizeContainer(id, height, width), logger);
    // Without stdin_once, the engine would take the end of the client's input as a detach, and stop sending
    // output.
    await copyStreams(connection, tty ? undefined : readFrames(connection), io, stdinOnce);
  }

  async portForward(sandboxId: string, port: number, connection: Duplex, signal: AbortSignal): Promise<void> {
    const { mirror, sandboxFiles } = this.#services;
    const { id, view, labels, details } = getById(mirror.sandboxes(), "pod sandbox", sandboxId);
    if (view.state !== "ready") throw new EngineError("FailedPrecondition", `pod sandbox ${id} is not ready`);
    const netnsPath = sharesHostNetwork(labels.config) ? undefined : sandboxFiles.networkNamespace(details);
    await forwardPort({ netnsPath, port }, connection, signal);
  }

  #running(containerId: string): FoundContainer {
    const found = getById(this.#services.mirror.containers(), "container", containerId);
    if (found.view.state.kind === "running") return found;
    throw new EngineError(
      "FailedPrecondition",
      `container ${containerId} is not running (${found.view.state.kind})`,
    );
  }
}

/**
 * Copies between a process and a client until the process's output has ended. `frames` is undefined for a
 * terminal. A client that closes one stream keeps the others. `endsInput` says whether the end of the
 * client's input is passed on to the process.
 */
async function copyStreams(
  connection: Duplex,
  frames: ReturnType<typeof readFrames> | undefined,
  io: StreamIo,
  endsInput = true,
): Promise<void> {
  const input = copyInput(io, connection, endsInput);
  input.catch(() => undefined);
  try {
    if (frames === undefined) await copyRaw(connection, io.stdout);
    else for await (const { stream, bytes } of frames) await writeToClient(io[stream], bytes);
  } catch (error) {
    // The connection broke: nothing more comes, and the caller asks Docker how the process ended.
    if (!connection.destroyed) throw error;
  } finally {
    connection.destroy();
  }
}

async function copyInput({ stdin }: StreamIo, connection: Duplex, end: boolean): Promise<void> {
  if (stdin === undefined) return;
  await pipeline(stdin, connection, { end });
}

async function copyRaw(connection: Duplex, stdout: Writable | undefined): Promise<void> {
  for await (const bytes of connection as AsyncIterable<Buffer>) await writeToClient(stdout, bytes);
}

async function followSizes(
  { resize }: StreamIo,
  apply: (height: number, width: number) => Promise<void>,
  logger: Logger,
): Promise<void> {
  try {
    for await (const { height, width } of resize as AsyncIterable<TerminalSize>) await apply(height, width);
  } catch (err) {
    logger.debug({ err }, "the size of a terminal could not be set");
  }
}
