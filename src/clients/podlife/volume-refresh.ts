import { messageOf } from "../../ground/errors/index.ts";
import { PodSpecError, preparePod, prepareVolumes, refreshVolumes } from "../podspec/index.ts";
import type { PodWork } from "./pod-work.ts";
import { retryMs } from "./start-failure.ts";

/** Creates a pod's files, and keeps volumes of objects and of the pod's fields up to date. */
export class VolumeRefresh {
  readonly #work: PodWork;
  /** Initially true, for changes that an earlier worker may have missed. */
  #isDue = true;

  constructor(work: PodWork) {
    this.#work = work;
  }

  /** To be called when a config map or secret of the pod's namespace, or the pod's metadata, has changed. */
  changed(): void {
    this.#isDue = true;
  }

  /**
   * Creates the pod's files and volumes, before its sandbox. Returns the milliseconds until the next attempt
   * if that fails; undefined if they are there.
   */
  async prepare(podIps: readonly string[]): Promise<number | undefined> {
    const { pod, context, observer, onEvent } = this.#work;
    observer("pod-files");
    try {
      await preparePod(pod, context);
      await prepareVolumes({ pod, podIps, context });
      return undefined;
    } catch (error) {
      if (!(error instanceof PodSpecError)) throw error;
      onEvent("Warning", "FailedMount", messageOf(error));
      return retryMs;
    }
  }

  /**
   * Updates once after each change; files of missing objects stay as they were. Returns the milliseconds
   * until the next attempt if something else fails, undefined otherwise.
   */
  async refresh(podIps: readonly string[]): Promise<number | undefined> {
    if (!this.#isDue) return undefined;
    this.#isDue = false;
    const { pod, context, onEvent } = this.#work;
    const failures = await refreshVolumes({ pod, podIps, context });
    for (const { message } of failures) onEvent("Warning", "FailedMount", message);
    // An object that is missing makes it due when it comes.
    this.#isDue ||= failures.some(({ code }) => code !== "NotFound");
    return this.#isDue ? retryMs : undefined;
  }
}
