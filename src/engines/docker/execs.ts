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
/** How often Docker is asked for the process of a command that is to be killed, before giving up. */
const maxTries = 100;
/** How long to wait for Docker's event after a command's output has ended, before asking. */
const eventWaitMs = 100;
/** What Docker writes to the standard output of a command that could not be started. */
const failedStart = "OCI runtime exec failed:";
/** The messages of missing programs. Docker Engine 20.10 gives them exit code 126, later ones 127. */
const notFound = /executable file not found|no such file or directory/;

/** The process of a command that runs for longer than this is looked up and recorded. */
const recordAfterMs = 1000;
/** How long Docker may take to report a command's process. */
const answerMs = 2000;

/**
 * Runs commands in containers. Docker's API cannot end a command, so berth kills its processes itself.
 * Running commands are recorded in files, so that none is left behind if berthd or the engine ends.
 */
export class Execs implements Disposable {
  readonly #client: DockerClient;
  readonly #directory: string;
  readonly #layout: CgroupLayout;
  readonly #logger: Logger;
  readonly #running = new Map<string, RunningExec>();
  readonly #memory = new MemoryRelease();

  /** `directory` is private and on a tmpfs; it is created when needed. */
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
      // The signal does not abort this request: a request that is cut off may have started the command.
      const connection = await this.#client.startExec(id, request.Tty);
      const running = new RunningExec(command, connection, forget);
      this.#running.set(id, running);
      running.endWith(signal);
      return running;
    } catch (error) {
      // If Docker did not answer, the command may run nevertheless.
      if (hasCode(error, "Unavailable")) await command.process.kill(this.#layout);
      forget();
      throw error;
    }
  }

  /** To be called with the size of each collected output; releases memory after large ones. */
  answered(bytes: number): void {
    this.#memory.add(bytes);
  }

  /** Docker reports the end of every command in our containers, including commands that others started. */
  ended(id: string, exitCode: number): void {
    this.#running.get(id)?.ended(exitCode);
  }

  /** Kills commands that an earlier berthd left running. Throws if the records cannot be listed. */
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

/** A running command and its connection. */
export class RunningExec implements AsyncDisposable {
  readonly connection: Duplex;
  readonly #command: Command;
  readonly #onEnd: () => void;
  readonly #reportedExit = Promise.withResolvers<number>();
  readonly #asking: NodeJS.Timeout;
  #stop: (() => void) | undefined;
  /** Undefined until it is to be killed. */
  #killing: Promise<void> | undefined;
  #hasEnded = false;
  /** Why it could not be started. */
  #failure: "missing" | "other" | undefined;

  constructor(command: Command, connection: Duplex, onEnd: () => void) {
    this.connection = connection;
    this.#command = command;
    this.#onEnd = onEnd;
    this.#asking = setTimeout(() => void this.#askProcess(), recordAfterMs).unref();
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

  /** Records the command's process. If Docker does not report it now, it is looked up when it is needed. */
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
   * Its output, without a terminal. Docker's message about a command that could not be started becomes
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

  /** Called when Docker has reported its end. */
  ended(exitCode: number): void {
    this.#hasEnded = true;
    this.#reportedExit.resolve(exitCode);
  }

  /**
   * Resolves shortly after its output has ended; 127 is for a missing command. Asks Docker where no event
   * comes: for a command that could not be started, and while events are interrupted.
   */
  async exitCode(): Promise<number> {
    for (let waitMs = this.#failure === undefined ? eventWaitMs : 0; ; waitMs = pollMs) {
      const told = await Promise.race([this.#reportedExit.promise, delay(waitMs, undefined, { ref: false })]);
      if (told !== undefined) return told;
      const { Running, ExitCode } = await this.#command.client.exec(this.id);
      if (Running) continue;
      this.#hasEnded = true;
      return this.#failure === "missing" ? 127 : (ExitCode ?? 0);
    }
  }

  /**
   * Kills the command if it has not ended; it is gone when this resolves. If it cannot be killed, its record
   * stays.
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
 * Kills a command. Asks Docker for its process if that is not known; Docker knows it shortly after the
 * request. Throws EngineError Internal if Docker never reports it.
 */
async function kill({ client, id, layout, process }: Omit<Command, "logger">): Promise<void> {
  if (process.isFound) return await process.kill(layout);
  for (let tries = 1; ; tries++) {
    const exec = await client.exec(id, AbortSignal.timeout(answerMs)).catch((error: unknown) => {
      // The command went with its container, or the engine was restarted and has forgotten it.
      if (hasCode(error, "NotFound") || isSilence(error)) return undefined;
      throw error;
    });
    if (exec === undefined) return await process.kill(layout);
    const { Running, ExitCode, Pid } = exec;
    if (!Running && ExitCode !== null) return;
    if (Running && Pid > 1) {
      await process.found(Pid);
      // Otherwise the process has just ended.
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

/** Whether the engine is away or hangs. */
function isSilence(error: unknown): boolean {
  return hasCode(error, "Unavailable") || (error instanceof DOMException && error.name === "TimeoutError");
}
