import { hasCode } from "../../../ground/errors/index.ts";
import type { Logger } from "../../../ground/logging/index.ts";
import type { CgroupDriver } from "../cgroups/cgroups-path.ts";
import type { RuncLikeHandler } from "../handlers/handler.ts";
import { callRuntime } from "../oci-runtime/oci-runtime.ts";
import type { SealedPrograms } from "../oci-runtime/sealed-programs.ts";
import type { TaskFiles } from "./task-files.ts";

export type RuntimeCallsOptions = {
  readonly id: string;
  readonly files: TaskFiles;
  readonly programs: SealedPrograms;
  readonly cgroupDriver: CgroupDriver;
  readonly logger: Logger;
};

const startTimeoutMs = 60_000;
const deleteTimeoutMs = 60_000;
const freezeTimeoutMs = 30_000;

/** The calls of the OCI runtime on an existing container. */
export class RuntimeCalls {
  readonly #options: RuntimeCallsOptions;

  constructor(options: RuntimeCallsOptions) {
    this.#options = options;
  }

  async start(handler: RuncLikeHandler, signal: AbortSignal): Promise<void> {
    await this.#call(handler, ["start", this.#options.id], startTimeoutMs, signal);
  }

  async pause(handler: RuncLikeHandler): Promise<void> {
    await this.#call(handler, ["pause", this.#options.id], freezeTimeoutMs);
  }

  /** Whether it was paused. */
  async resumeIfPaused(handler: RuncLikeHandler): Promise<boolean> {
    if ((await this.#state(handler)) !== "paused") return false;
    await this.#call(handler, ["resume", this.#options.id], freezeTimeoutMs);
    return true;
  }

  /**
   * If the OCI runtime has lost its files, the container counts as running, so that it can be stopped and
   * removed.
   */
  async isWaiting(handler: RuncLikeHandler): Promise<boolean> {
    try {
      return (await this.#state(handler)) === "created";
    } catch (err) {
      this.#options.logger.error(
        { err, container: this.#options.id },
        "the OCI runtime cannot tell whether an interrupted start took place; assuming that it did",
      );
      return false;
    }
  }

  /**
   * Returns whether the OCI runtime has deleted it. If it cannot, for instance because its files are damaged,
   * the container must be removable nevertheless: all its processes have been killed.
   */
  async delete(handler: RuncLikeHandler): Promise<boolean> {
    try {
      await this.#call(handler, ["delete", "--force", this.#options.id], deleteTimeoutMs);
      return true;
    } catch (err) {
      if (!hasCode(err, "Internal")) throw err;
      this.#options.logger.error(
        { err, container: this.#options.id },
        "the OCI runtime cannot delete a container: removing its leftovers without it",
      );
      return false;
    }
  }

  /** The container's state according to the OCI runtime. */
  async #state(handler: RuncLikeHandler): Promise<unknown> {
    const answer: unknown = JSON.parse(
      await this.#call(handler, ["state", this.#options.id], startTimeoutMs),
    );
    return typeof answer === "object" && answer !== null && "status" in answer ? answer.status : undefined;
  }

  async #call(
    handler: RuncLikeHandler,
    args: readonly [string, ...string[]],
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<string> {
    const { cgroupDriver, files, programs } = this.#options;
    const program = await programs.pathFor(handler);
    return callRuntime(
      { handler, program, cgroupDriver, logPath: files.runtimeLog(args[0]), args, timeoutMs },
      signal,
    );
  }
}
