import { setTimeout as delay } from "node:timers/promises";
import { hasCode } from "../../ground/errors/index.ts";
import type { HostPaths } from "../../ground/hostpaths/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import type { DockerClient } from "../../parts/dockerapi/index.ts";
import type { FoundContainer } from "./found.ts";
import { type CriLine, linesOfFrames, linesOfTerminal } from "./log-lines.ts";
import { fromTheBeginning, type LogPosition, readPosition } from "./log-position.ts";
import { LogWriter } from "./log-writer.ts";

export type ContainerLogsOptions = {
  readonly client: DockerClient;
  readonly hostPaths: HostPaths;
  readonly logger: Logger;
};

/** The parts of a container that following its log needs. */
type Logged = Pick<FoundContainer, "id" | "labels">;

/** Delay before following a log again after its stream broke off. */
const retryMs = 500;
/**
 * How long to wait, after a stream has ended, for the event that the container has ended, before asking
 * Docker.
 */
const endMs = 200;
/** How many of a container's last messages are checked again after it has ended. */
const lastMessages = 1000;
/** How long the log may delay reporting that a container has ended. */
const drainMs = 5000;

type Follower = {
  readonly closing: AbortController;
  /** Resolved once the container is known to have ended. */
  readonly ended: PromiseWithResolvers<void>;
  readonly done: Promise<void>;
  /** Reopens the path, since the file was renamed. */
  reopen: () => Promise<void>;
};

type Following = { readonly signal: AbortSignal; readonly hasEnded: () => Promise<boolean> };

/**
 * Writes container logs in CRI format from the engine's own logs, which the engine keeps while nobody reads
 * them. If following was interrupted because this process or the engine ended, it resumes without losing or
 * repeating a line.
 */
export class ContainerLogs implements AsyncDisposable {
  readonly #options: ContainerLogsOptions;
  readonly #followers = new Map<string, Follower>();
  /** Ids of containers whose log was followed to its end. */
  readonly #whole = new Set<string>();

  constructor(options: ContainerLogsOptions) {
    this.#options = options;
  }

  /** Creates the log file of a container that is about to start. Throws as {@link LogWriter.open}. */
  async prepare(container: Logged): Promise<void> {
    if (container.labels.logPath === "") return;
    await using file = this.#fileOf(container);
    await file.open();
  }

  /** Follows the log of a container that runs or is about to, unless it is already followed or has no log. */
  follow(container: Logged): void {
    const { id, labels } = container;
    if (labels.logPath === "" || this.#followers.has(id)) return;
    // Somebody may have started it again by hand.
    this.#whole.delete(id);
    const closing = new AbortController();
    const file = this.#fileOf(container, closing.signal);
    const ended = Promise.withResolvers<void>();
    const hasEnded = () => this.#hasEnded(container, ended.promise);
    const done = this.#follow(container, file, { signal: closing.signal, hasEnded })
      .catch((err: unknown) =>
        this.#options.logger.warn({ err, container: id }, "a container's log could not be closed"),
      )
      .finally(() => this.#followers.delete(id));
    this.#followers.set(id, { closing, done, ended, reopen: () => file.reopen() });
  }

  /**
   * Completes the log of a container that ended while nobody followed it. A log that was removed in the
   * meantime is not created again.
   */
  async finish(container: FoundContainer): Promise<void> {
    const { logPath, sandboxId } = container.labels;
    if (logPath === "" || this.#followers.has(container.id)) return;
    const position = await this.#options.hostPaths.of(sandboxId)(logPath, () => readPosition(logPath));
    if (position !== undefined) this.follow(container);
  }

  /**
   * Resolves when all output of a container that has just ended is in its log, or after {@link drainMs}. The
   * container may have ended before it was seen running.
   */
  async drained(container: Logged): Promise<void> {
    if (!this.#whole.has(container.id)) this.follow(container);
    const follower = this.#followers.get(container.id);
    if (follower === undefined) return;
    follower.ended.resolve();
    await Promise.race([follower.done, delay(drainMs, undefined, { ref: false })]);
  }

  /**
   * Reopens the log of a followed container. Does nothing if it is not followed: nothing is written to its
   * log.
   */
  async reopen(id: string): Promise<void> {
    await this.#followers.get(id)?.reopen();
  }

  /** Stops following, because the container has been removed. */
  async forget(id: string): Promise<void> {
    const follower = this.#followers.get(id);
    follower?.closing.abort();
    await follower?.done;
    this.#whole.delete(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#followers.keys()].map((id) => this.forget(id)));
  }

  /** The stream also ends when the engine stops, not only when the container ends. */
  async #hasEnded({ id }: Logged, known: Promise<void>): Promise<boolean> {
    const isKnown = known.then(() => true);
    if (await Promise.race([isKnown, delay(endMs, false, { ref: false })])) return true;
    return !(await this.#options.client.container(id)).State.Running;
  }

  #fileOf({ labels }: Logged, signal?: AbortSignal): LogWriter {
    return new LogWriter(labels.logPath, this.#options.hostPaths.of(labels.sandboxId), signal);
  }

  async #follow(container: Logged, file: LogWriter, { signal, hasEnded }: Following): Promise<void> {
    const logger = this.#options.logger.child({ container: container.id });
    await using _file = file;
    while (!signal.aborted) {
      try {
        await this.#copy(container, file, { follow: true }, signal);
        if (await hasEnded()) {
          await this.#copyRest(container, file, signal);
          this.#whole.add(container.id);
          return;
        }
        await delay(retryMs, undefined, { signal }).catch(() => undefined);
      } catch (err) {
        if (signal.aborted || hasCode(err, "NotFound")) return;
        logger.warn({ err }, "a container's log was interrupted; it continues where it stopped");
        await delay(retryMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /**
   * Docker Engine 20.10 may end a stream before the container's last output has come through it. Only the
   * last messages are read again, since usually little is missing and reading the whole log takes the engine
   * seconds.
   */
  async #copyRest(container: Logged, file: LogWriter, signal: AbortSignal): Promise<void> {
    for (const tail of [lastMessages, undefined]) {
      const { read, added } = await this.#copy(container, file, { follow: false, tail }, signal);
      if (added < read || read === 0) return;
    }
  }

  /** Returns how many lines Docker sent, and how many of these were new. */
  async #copy(
    { id, labels }: Logged,
    file: LogWriter,
    part: { readonly follow: boolean; readonly tail?: number | undefined },
    signal: AbortSignal,
  ): Promise<{ readonly read: number; readonly added: number }> {
    const { client, hostPaths } = this.#options;
    const lookUp = hostPaths.of(labels.sandboxId, signal);
    await file.open();
    const position = (await lookUp(labels.logPath, () => readPosition(labels.logPath))) ?? fromTheBeginning();
    const source = await client.logs(id, { ...part, since: position.sinceSeconds }, signal);
    const lines = labels.config.tty ? linesOfTerminal(source) : linesOfFrames(source);
    let [read, added] = [0, 0];
    for await (const together of lines) {
      const fresh = together.filter((line) => isNew(line, position));
      read += together.length;
      added += fresh.length;
      await file.write(fresh);
    }
    await file.flush();
    return { read, added };
  }
}

/**
 * Whether the line is not in the log yet. A line that is there is removed from the list, so that its next
 * copy counts as new.
 */
function isNew(line: CriLine, { written }: LogPosition): boolean {
  if (written.size === 0) return true;
  const text = line.toString("latin1", 0, line.length - 1);
  const left = written.get(text);
  if (left === undefined) return true;
  if (left === 1) written.delete(text);
  else written.set(text, left - 1);
  return false;
}
