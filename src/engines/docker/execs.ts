import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { hasCode } from "../../ground/errors/index.ts";
import { ignoreMissing } from "../../ground/fs/index.ts";
import type { CgroupLayout } from "../../ground/linux/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import { type DockerClient, type NewExec, readFrames } from "../../parts/dockerapi/index.ts";
import { MemoryRelease } from "../../services/runtime/index.ts";
import { EngineError } from "../engine/index.ts";
import { ExecProcess } from "./exec-process.ts";
import type { FoundContainer } from "./found.ts";

const pollMs = 10;
/** How often Docker is asked for the process of a command that is to be killed. */
const maxTries = 100;
/** How long Docker has, once a command's output has ended, to tell of its end before it is asked. */
const toldMs = 100;
/** What Docker writes to the standard output of a command that could not be started. */
const failedStart = "OCI runtime exec failed:";
/** Docker Engine 20.10 gives these the code 126, later ones 127. */
const notFound = /executable file not found|no such file or directory/;

/** A command that runs for so long has its process asked for. */
const shortMs = 1000;
/** How long an engine that hangs may take to tell a command's process. */
const answerMs = 2000;

/**
 * Commands in containers. Docker's API cannot end one, so its processes are killed on this machine; those
 * that are under way are written down, so that an end of this process or of the engine leaves none behind.
 */
export class Execs implements Disposable {
  readonly #client: DockerClient;
  readonly #directory: string;
  readonly #layout: CgroupLayout;
  readonly #logger: Logger;
  readonly #running = new Map<string, RunningExec>();
  readonly #memory = new MemoryRelease();

  /** `directory` is private, on a tmpfs; made when needed. */
  constructor(client: DockerClient, directory: string, layout: CgroupLayout, logger: Logger) {
    this.#client = client;
    this.#directory = directory;
    this.#layout = layout;
    this.#logger = logger;
  }

  /** Starts a command. It is killed when the signal aborts. */
  async start(
    { id: containerId, details }: FoundContainer,
    request: NewExec,
    signal: AbortSignal,
  ): Promise<RunningExec> {
    const id = await this.#client.createExec(containerId, request, signal);
    const command = {
      id,
      client: this.#client,
      layout: this.#layout,
      process: await ExecProcess.note(join(this.#directory, id), details.State.Pid),
      logger: this.#logger,
    };
    const forget = () => {
      this.#running.delete(id);
      command.process.forget();
    };
    try {
      // Not by the signal: a request that is cut may have started it.
      const connection = await this.#client.startExec(id, request.Tty);
      const running = new RunningExec(command, connection, forget);
      this.#running.set(id, running);
      running.endWith(signal);
      return running;
    } catch (error) {
      // Without an answer it may run all the same.
      if (hasCode(error, "Unavailable")) await command.process.kill(this.#layout);
      forget();
      throw error;
    }
  }

  /** To be told of each answer that was collected. */
  answered(bytes: number): void {
    this.#memory.add(bytes);
  }

  /** Docker tells of every command in our containers, also of those that others have started. */
  ended(id: string, exitCode: number): void {
    this.#running.get(id)?.ended(exitCode);
  }

  /** Kills what an earlier process of ours has left running. Throws where that cannot be looked for. */
  async endLeft(): Promise<void> {
    for (const id of (await readdir(this.#directory).catch(ignoreMissing)) ?? []) {
      const file = join(this.#directory, id);
      try {
        const process = ExecProcess.read(file);
        if (process === undefined) continue;
        await kill({ id, client: this.#client, layout: this.#layout, process });
        process.forget();
      } catch (err) {
        this.#logger.warn(
          { err, exec: id },
          "a command that an earlier daemon left running could not be killed",
        );
      }
    }
  }

  [Symbol.dispose](): void {
    this.#memory[Symbol.dispose]();
  }
}

type Command = {
  readonly id: string;
  readonly client: DockerClient;
  readonly layout: CgroupLayout;
  readonly process: ExecProcess;
  readonly logger: Logger;
};

/** A command with its streams. */
export class RunningExec implements AsyncDisposable {
  readonly connection: Duplex;
  readonly #command: Command;
  readonly #onEnd: () => void;
  readonly #told = Promise.withResolvers<number>();
  readonly #asking: NodeJS.Timeout;
  #stop: (() => void) | undefined;
  /** Undefined while nobody has wanted it to end. */
  #killing: Promise<void> | undefined;
  #hasEnded = false;
  /** It could not be started. */
  #failure: "missing" | "other" | undefined;

  constructor(command: Command, connection: Duplex, onEnd: () => void) {
    this.connection = connection;
    this.#command = command;
    this.#onEnd = onEnd;
    this.#asking = setTimeout(() => void this.#askProcess(), shortMs).unref();
  }

  get id(): string {
    return this.#command.id;
  }

  endWith(signal: AbortSignal): void {
    const end = () => {
      this.connection.destroy();
      this.#kill().catch(() => undefined);
    };
    this.#stop = () => signal.removeEventListener("abort", end);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  }

  #kill(): Promise<void> {
    this.#killing ??= kill(this.#command);
    return this.#killing;
  }

  /** One that has just ended, or that Docker does not tell of now, is looked for when that is needed. */
  async #askProcess(): Promise<void> {
    const { client, id, process, logger } = this.#command;
    try {
      const { Pid } = await client.exec(id, AbortSignal.timeout(answerMs)).catch(() => ({ Pid: 0 }));
      if (Pid <= 1 || this.#hasEnded) return;
      await process.found(Pid);
      process.write();
    } catch (err) {
      logger.warn({ err, exec: id }, "the process of a command could not be written down");
    }
  }

  /**
   * What it writes, without a terminal. What Docker says of a command that could not be started comes as
   * standard error.
   */
  async *frames(): AsyncGenerator<{ readonly stream: "stdout" | "stderr"; readonly bytes: Buffer }> {
    let first = true;
    for await (const frame of readFrames(this.connection)) {
      const failed = first && frame.bytes.toString("latin1", 0, failedStart.length) === failedStart;
      first = false;
      if (failed && (await this.#command.client.exec(this.id)).Pid === 0) {
        this.#failure = notFound.test(frame.bytes.toString()) ? "missing" : "other";
        yield { ...frame, stream: "stderr" };
      } else yield frame;
    }
  }

  /** Docker has told of its end. */
  ended(exitCode: number): void {
    this.#hasEnded = true;
    this.#told.resolve(exitCode);
  }

  /**
   * Resolves a little after its output has ended; 127 is for a command that is not there. Docker is asked
   * where it does not tell: of what could not be started, and while its events are not heard.
   */
  async exitCode(): Promise<number> {
    for (let waitMs = this.#failure === undefined ? toldMs : 0; ; waitMs = pollMs) {
      const told = await Promise.race([this.#told.promise, delay(waitMs, undefined, { ref: false })]);
      if (told !== undefined) return told;
      const { Running, ExitCode } = await this.#command.client.exec(this.id);
      if (Running) continue;
      this.#hasEnded = true;
      return this.#failure === "missing" ? 127 : (ExitCode ?? 0);
    }
  }

  /**
   * One that has not ended is killed, and gone when this resolves: nobody would hear of it any more. What
   * cannot be killed stays written down.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#asking);
    this.#stop?.();
    this.connection.destroy();
    await (this.#hasEnded ? this.#killing : this.#kill());
    this.#onEnd();
  }
}

/**
 * Docker is asked for a process that is not known yet, which it has a little after that was asked for. Throws
 * EngineError Internal where it never tells.
 */
async function kill({ client, id, layout, process }: Omit<Command, "logger">): Promise<void> {
  if (process.isFound) return await process.kill(layout);
  for (let tries = 1; ; tries++) {
    const exec = await client.exec(id, AbortSignal.timeout(answerMs)).catch((error: unknown) => {
      // It goes with its container, and an engine that has started anew has forgotten it.
      if (hasCode(error, "NotFound") || isSilence(error)) return undefined;
      throw error;
    });
    if (exec === undefined) return await process.kill(layout);
    const { Running, ExitCode, Pid } = exec;
    if (!Running && ExitCode !== null) return;
    if (Running && Pid > 1) {
      await process.found(Pid);
      // Otherwise it has just ended.
      if (process.isFound) await process.kill(layout);
      return;
    }
    if (tries === maxTries) {
      // It was never started.
      if (!Running) return;
      throw new EngineError("Internal", `command ${id} cannot be killed: Docker does not report its process`);
    }
    await delay(pollMs);
  }
}

/** The engine is away, or hangs. */
function isSilence(error: unknown): boolean {
  return hasCode(error, "Unavailable") || (error instanceof DOMException && error.name === "TimeoutError");
}
