import { mkdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { nowNs } from "../../../ground/clock/index.ts";
import type { Subprocess } from "../../../ground/linux/index.ts";
import { raceAbort } from "../../../ground/sync/index.ts";
import { sendSignal } from "../cgroups/cgroup-processes.ts";
import { Deadline } from "../oci-runtime/deadline.ts";
import { exitCodeOf, runtimeFailure } from "../oci-runtime/oci-runtime.ts";
import { clipped, lastRuntimeError } from "../oci-runtime/runtime-log.ts";
import { RuntimeError } from "../runtime-error.ts";
import type { OciProcess } from "../spec/types.ts";
import type { PublishTask } from "../task-events.ts";
import type { ExitStatus, Process, ProcessState, TerminalSize } from "../tasks.ts";
import { CommandNotRun, commandFailure } from "./command-failure.ts";
import type { ExecContext } from "./exec-context.ts";
import { commandOf, type ExecFiles, newExecFiles, pidOf, removeExecFiles } from "./exec-files.ts";
import type { ExecIo } from "./exec-io.ts";
import { killExec } from "./kill-exec.ts";
import { spawnExec } from "./spawn-exec.ts";

/** How long to wait for the error message of an OCI runtime that has not started the command. */
const wordsMs = 200;
/** As containerd's. */
const lastOutputMs = 2_000;
const notStarted = 255;
/** Exit code of a command that was never started, as in containerd. */
const neverStarted = 0;

export type ExecProcessOptions = {
  readonly id: string;
  readonly context: ExecContext;
  readonly process: OciProcess;
  /** Disposed by this object. */
  readonly io: ExecIo;
  /** Omitted for a command that no client knows. */
  readonly publish?: PublishTask;
  /** Called once it is deleted. */
  readonly onDelete?: () => void;
};

/**
 * {@link Process} of one command: an OCI runtime's `exec`, or conmon with one, runs for as long as the
 * command does.
 */
export class ExecProcess implements Process {
  readonly id: string;
  readonly #options: ExecProcessOptions;
  readonly #files: ExecFiles;
  readonly #exited = Promise.withResolvers<ExitStatus>();
  /** Aborts when nobody waits for its output any more. */
  readonly #abandoned = new AbortController();
  #state: ProcessState = { kind: "created" };
  #pid = 0;
  #isBegun = false;
  #runtime: Subprocess | undefined;
  /** Why the command did not run. */
  #failure: RuntimeError | undefined;
  #output: Promise<void> = Promise.resolve();
  #deletion: Promise<void> | undefined;

  constructor(options: ExecProcessOptions) {
    this.id = options.id;
    this.#options = options;
    this.#files = newExecFiles(options.context.bundleDir);
  }

  get pid(): number {
    return this.#pid;
  }

  state(): ProcessState {
    return this.#state;
  }

  /** Bytes received on stderr, if the daemon reads it. */
  get stderrBytes(): number {
    return this.#options.io.stderr().bytes;
  }

  async start(signal?: AbortSignal): Promise<void> {
    using deadline = new Deadline(0, signal);
    deadline.check("exec");
    const runtime = await this.launch();
    let killing: Promise<void> | undefined;
    using _armed = deadline.onAbort(() => {
      killing = this.killAll();
      // It is thrown below, after the exit.
      killing.catch(() => runtime.kill("SIGKILL"));
    });
    await this.#begun(runtime);
    if (killing !== undefined) {
      await this.#exited.promise;
      await killing;
      deadline.check("exec");
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * Starts the OCI runtime without waiting for the result: {@link wait} resolves at the end, and {@link
   * failure} says why the command did not run. Throws what {@link start} throws before that.
   */
  async launch(): Promise<Subprocess> {
    if (this.#isBegun || this.#deletion !== undefined)
      throw this.#wrong("start", "was already started or deleted");
    this.#isBegun = true;
    const { context, io, process } = this.#options;
    try {
      mkdirSync(this.#files.directory, { mode: 0o700 });
      const stdio = await io.prepare(this.#files);
      const runtime = await spawnExec(context, this.#files, io.adapt(process), stdio);
      this.#runtime = runtime;
      io.connect(runtime);
      void this.#follow(runtime);
      return runtime;
    } catch (error) {
      this.#end(notStarted);
      throw error;
    }
  }

  /** Why the command has exited without running. */
  get failure(): RuntimeError | undefined {
    return this.#failure;
  }

  /** Resolves when the command is running, or the OCI runtime has ended. */
  async #begun(runtime: Subprocess): Promise<void> {
    for (let pauseMs = 5; runtime.end === undefined; pauseMs = Math.min(1.5 * pauseMs, 50)) {
      const pid = pidOf(this.#files);
      if (pid !== undefined) {
        this.#runs(pid);
        return;
      }
      await Promise.race([sleep(pauseMs), this.#exited.promise]);
    }
    await this.#exited.promise;
  }

  async #follow(runtime: Subprocess): Promise<void> {
    const exitCode = await exitCodeOf(runtime);
    const pid = pidOf(this.#files);
    const ran = pid !== undefined;
    if (ran) this.#runs(pid);
    this.#output = this.#options.io.outputEnded(ran, this.#abandoned.signal);
    this.#output.catch(() => undefined);
    if (!ran) this.#failure = await this.#whyNotRun(exitCode).catch((error: RuntimeError) => error);
    this.#end(this.#failure?.commandStatus ?? exitCode);
  }

  async #whyNotRun(exitCode: number): Promise<RuntimeError> {
    const { context, io } = this.#options;
    const what = `${context.handler.name} exec`;
    await Promise.race([this.#output, sleep(wordsMs)]);
    const message = (await lastRuntimeError(this.#files.log)) ?? clipped(io.stderr().text.trim());
    const status = commandFailure(message);
    if (status !== undefined) return new CommandNotRun(what, message, status);
    // At any step of the OCI runtime.
    if (await context.hasEnded()) {
      const reason = "ended before the command was running";
      return new RuntimeError("FailedPrecondition", `${what}: container ${context.containerId} ${reason}`);
    }
    return runtimeFailure(what, message === "" ? `failed with code ${exitCode}` : message);
  }

  /** Also if its end is noticed before its start. */
  #runs(pid: number): void {
    if (this.#state.kind !== "created") return;
    this.#pid = pid;
    this.#state = { kind: "running", pid, startedAtNs: nowNs() };
    const { id: execId, context, publish } = this.#options;
    publish?.("/tasks/exec-started", { containerId: context.containerId, execId, pid });
  }

  #end(exitCode: number): void {
    const exit = { exitCode, finishedAtNs: nowNs() };
    const before = this.#state;
    this.#state = { kind: "exited", exit };
    if (before.kind === "running") {
      const { id, context, publish } = this.#options;
      const { containerId } = context;
      publish?.("/tasks/exit", { id, containerId, pid: before.pid, exitCode, exitedAtNs: exit.finishedAtNs });
    }
    this.#exited.resolve(exit);
  }

  async kill(signal: number): Promise<void> {
    const runtime = this.#started("kill");
    const pid = await commandOf(this.#files, runtime);
    if (pid !== undefined) sendSignal(pid, signal);
  }

  async killAll(): Promise<void> {
    const runtime = this.#started("kill");
    await killExec(runtime, await commandOf(this.#files, runtime), this.#options.context.cgroup);
  }

  resize(size: TerminalSize): void {
    const { resize } = this.#options.io;
    if (resize === undefined) throw this.#wrong("resize", "has no terminal");
    resize(size);
  }

  closeStdin(): void {
    this.#options.io.closeStdin();
  }

  async wait(signal?: AbortSignal): Promise<ExitStatus> {
    try {
      return await raceAbort(this.#exited.promise, signal);
    } catch (cause) {
      throw new RuntimeError("Canceled", `wait for process ${this.id}: canceled`, { cause });
    }
  }

  async outputEnded(signal: AbortSignal): Promise<void> {
    await this.#exited.promise;
    const giveUp = () => this.#abandoned.abort();
    if (signal.aborted) giveUp();
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      await this.#output;
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  delete(): Promise<void> {
    if (this.#isBegun && this.#state.kind !== "exited")
      return Promise.reject(this.#wrong("delete", "has not exited"));
    this.#deletion ??= this.#delete().catch((error: unknown) => {
      // The next call retries.
      this.#deletion = undefined;
      throw error;
    });
    return this.#deletion;
  }

  /** Kills it if it is running, and deletes it. */
  async end(): Promise<void> {
    if (this.#runtime !== undefined) await this.killAll();
    if (this.#isBegun) await this.#exited.promise;
    await this.delete();
  }

  async #delete(): Promise<void> {
    const { io, onDelete } = this.#options;
    if (this.#isBegun) {
      const timer = setTimeout(() => this.#abandoned.abort(), lastOutputMs);
      await this.#output;
      clearTimeout(timer);
    } else this.#end(neverStarted);
    await io[Symbol.asyncDispose]();
    await removeExecFiles(this.#files);
    onDelete?.();
  }

  #started(what: string): Subprocess {
    if (this.#runtime === undefined) throw this.#wrong(what, "was not started");
    return this.#runtime;
  }

  #wrong(what: string, why: string): RuntimeError {
    const { containerId } = this.#options.context;
    return new RuntimeError(
      "FailedPrecondition",
      `${what} of process ${this.id} in container ${containerId}: it ${why}`,
    );
  }
}
