import { mkdirSync, unlinkSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { hasCode } from "../../ground/errors/index.ts";
import { isErrno } from "../../ground/fs/index.ts";
import { killProcessTree } from "../../ground/linux/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import { type DockerClient, type NewExec, readFrames } from "../../parts/dockerapi/index.ts";
import { EngineError } from "../engine/index.ts";

const pollMs = 10;
/** How long Docker has, once a command's output has ended, to tell of its end before it is asked. */
const toldMs = 100;
/** What Docker writes to the standard output of a command that could not be started. */
const failedStart = "OCI runtime exec failed:";
/** Docker Engine 20.10 gives these the code 126, later ones 127. */
const notFound = /executable file not found|no such file or directory/;

/**
 * Commands in containers. Docker's API cannot end one, so its processes are killed on this machine; those
 * that are under way are written down, so that a crash of this process leaves none behind.
 */
export class Execs {
  readonly #client: DockerClient;
  readonly #directory: string;
  readonly #logger: Logger;
  readonly #running = new Map<string, RunningExec>();

  /** `directory` is private, on a tmpfs; made when needed. */
  constructor(client: DockerClient, directory: string, logger: Logger) {
    this.#client = client;
    this.#directory = directory;
    this.#logger = logger;
  }

  /** Starts a command. It is killed when the signal aborts. */
  async start(containerId: string, request: NewExec, signal: AbortSignal): Promise<RunningExec> {
    const id = await this.#client.createExec(containerId, request, signal);
    // On a tmpfs: it takes less than a turn of the thread pool.
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    writeFileSync(join(this.#directory, id), "", { mode: 0o600 });
    try {
      // Not by the signal: a request that is cut may have started it.
      const connection = await this.#client.startExec(id, request.Tty);
      const running = new RunningExec(this.#client, id, connection, () => this.#forget(id));
      this.#running.set(id, running);
      running.endWith(signal);
      return running;
    } catch (error) {
      this.#forget(id);
      throw error;
    }
  }

  /** Docker tells of every command in our containers, also of those that others have started. */
  ended(id: string, exitCode: number): void {
    this.#running.get(id)?.ended(exitCode);
  }

  /** Kills what an earlier process of ours has left running. */
  async endLeft(): Promise<void> {
    const ids = await readdir(this.#directory).catch(() => []);
    for (const id of ids) {
      try {
        await kill(this.#client, id);
        this.#forget(id);
      } catch (err) {
        this.#logger.warn(
          { err, exec: id },
          "a command that an earlier daemon left running could not be ended",
        );
      }
    }
  }

  #forget(id: string): void {
    this.#running.delete(id);
    try {
      unlinkSync(join(this.#directory, id));
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
    }
  }
}

/** A command with its streams. */
export class RunningExec implements AsyncDisposable {
  readonly id: string;
  readonly connection: Duplex;
  readonly #client: DockerClient;
  readonly #onEnd: () => void;
  readonly #told = Promise.withResolvers<number>();
  #stop: (() => void) | undefined;
  #killing: Promise<void> = Promise.resolve();
  /** It could not be started. */
  #failure: "missing" | "other" | undefined;

  constructor(client: DockerClient, id: string, connection: Duplex, onEnd: () => void) {
    this.id = id;
    this.connection = connection;
    this.#client = client;
    this.#onEnd = onEnd;
  }

  endWith(signal: AbortSignal): void {
    const end = () => {
      this.connection.destroy();
      this.#killing = kill(this.#client, this.id);
      this.#killing.catch(() => undefined);
    };
    this.#stop = () => signal.removeEventListener("abort", end);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
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
      if (failed && (await this.#client.exec(this.id)).Pid === 0) {
        this.#failure = notFound.test(frame.bytes.toString()) ? "missing" : "other";
        yield { ...frame, stream: "stderr" };
      } else yield frame;
    }
  }

  /** Docker has told of its end. */
  ended(exitCode: number): void {
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
      const { Running, ExitCode } = await this.#client.exec(this.id);
      if (!Running) return this.#failure === "missing" ? 127 : (ExitCode ?? 0);
    }
  }

  /** One that is being killed is gone when this resolves; what cannot be killed stays written down. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop?.();
    this.connection.destroy();
    await this.#killing;
    this.#onEnd();
  }
}

/** Its process is known a little after it was asked for. Throws EngineError Internal where it never is. */
async function kill(client: DockerClient, id: string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const exec = await client.exec(id).catch((error: unknown) => {
      // It goes with its container.
      if (hasCode(error, "NotFound")) return undefined;
      throw error;
    });
    if (exec === undefined || !exec.Running) return;
    if (exec.Pid > 1) return await killProcessTree(exec.Pid);
    await delay(pollMs);
  }
  throw new EngineError("Internal", `command ${id} cannot be killed: Docker does not tell its process`);
}
