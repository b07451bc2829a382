import { hasCode } from "../../../ground/errors/index.ts";
import type { StoredPod } from "../../manager/index.ts";
import type { Io } from "../invocation.ts";
import { readLog } from "../logs/read-log.ts";
import { coloursFor } from "./colours.ts";
import { PrefixedPrinter } from "./prefixed-printer.ts";

export type PodLogsOptions = {
  readonly io: Io;
  readonly pathOf: (pod: StoredPod, container: string, attempt: number) => string;
};

type Follower = { readonly end: () => void; readonly done: Promise<void> };

/** Follows the logs of all containers of pods, as their statuses arrive. */
export class PodLogs {
  readonly #options: PodLogsOptions;
  /** By container id. */
  readonly #followers = new Map<string, Follower>();
  readonly #colours: ReturnType<typeof coloursFor>;

  constructor(options: PodLogsOptions) {
    this.#options = options;
    this.#colours = coloursFor(options.io);
  }

  /** Handles a pod's new status. */
  update(pod: StoredPod): void {
    const { initContainerStatuses = [], containerStatuses = [] } = pod.status?.pod ?? {};
    for (const { name, containerID, state, lastState, restartCount } of [
      ...initContainerStatuses,
      ...containerStatuses,
    ]) {
      if (lastState.terminated !== undefined) this.#followers.get(lastState.terminated.containerID)?.end();
      if (containerID === undefined || ("waiting" in state && lastState.terminated === undefined)) continue;
      const follower = this.#followers.get(containerID) ?? this.#follow(pod, name, restartCount);
      this.#followers.set(containerID, follower);
      if (!("running" in state)) follower.end();
    }
  }

  /** Resolves when all output has been shown; throws the first error of a log that could not be read. */
  async end(): Promise<void> {
    const followers = [...this.#followers.values()];
    for (const { end } of followers) end();
    const outcomes = await Promise.allSettled(followers.map(({ done }) => done));
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  }

  #follow(pod: StoredPod, container: string, attempt: number): Follower {
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const done = this.#copy(pod, container, attempt, ended);
    // Handled here too, because it may reject long before the end.
    done.catch(() => {});
    return { end: resolve, done };
  }

  async #copy(pod: StoredPod, container: string, attempt: number, until: Promise<void>): Promise<void> {
    const { io, pathOf } = this.#options;
    const name = `${pod.manifest.metadata.name}/${container}`;
    const printer = new PrefixedPrinter(io, this.#colours(name));
    try {
      for await (const lines of readLog(pathOf(pod, container, attempt), { until }))
        await printer.print(lines);
      await printer.flush();
    } catch (error) {
      // The pod was removed before we could read its log.
      if (!hasCode(error, "NotFound")) throw error;
    }
  }
}
