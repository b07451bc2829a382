import { setTimeout as delay } from "node:timers/promises";
import { hasCode, messageOf } from "../../ground/errors/index.ts";
import { exists } from "../../ground/fs/index.ts";
import type { HostPaths } from "../../ground/hostpaths/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import type { DockerClient } from "../../parts/dockerapi/index.ts";
import { type FoundContainer, hasEnded as isOver } from "./found.ts";
import { JsonLogFile } from "./json-log-file.ts";
import { type CriLine, linesOfFrames, linesOfTerminal } from "./log-lines.ts";
import { fromTheBeginning, type LogPosition, readPosition } from "./log-position.ts";
import { LogWriter } from "./log-writer.ts";

export type ContainerLogsOptions = {
  readonly client: DockerClient;
  readonly hostPaths: HostPaths;
  readonly logger: Logger;
};

/** The parts of a container that following its log needs. */
type Logged = Pick<FoundContainer, "id" | "labels" | "details">;

/** Delay before following a log again after its stream broke off. */
const retryMs = 500;
/** How long to wait, after a stream has ended, for the event that the container has ended. */
const endMs = 200;
/** How many of a container's last messages Docker is asked for again after it has ended. */
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
    if (isOver(container)) ended.resolve();
    // The stream also ends when the engine stops, not only when the container ends.
    const isKnown = ended.promise.then(() => true);
    const hasEnded = () => Promise.race([isKnown, delay(endMs, false, { ref: false })]);
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

  #fileOf({ labels }: Logged, signal?: AbortSignal): LogWriter {
    return new LogWriter(labels.logPath, this.#options.hostPaths.of(labels.sandboxId), signal);
  }

  async #follow(container: Logged, file: LogWriter, { signal, hasEnded }: Following): Promise<void> {
    const logger = this.#options.logger.child({ container: container.id });
    const { LogPath } = container.details;
    await using _file = file;
    await using own = LogPath !== "" && (await exists(LogPath)) ? new JsonLogFile(LogPath) : undefined;
    const ofFile: Source | undefined = own && { kind: "file", file: own };
    let source: Source = isOver(container) ? (ofFile ?? ofDocker) : ofDocker;
    const told = new Set<string>();
    while (!signal.aborted) {
      try {
        await this.#copy(container, file, source, signal);
        const isWhole = await hasEnded();
        // Docker ends a stream also before a message that it cannot read.
        source = ofFile ?? ofDocker;
        if (isWhole) {
          await this.#copyRest(container, file, source, signal);
          this.#whole.add(container.id);
          return;
        }
        told.clear();
      } catch (err) {
        if (signal.aborted || hasCode(err, "NotFound")) return;
        source = hasCode(err, "DataLoss") ? (ofFile ?? ofDocker) : ofDocker;
        // What it gave out may not have been written.
        await own?.rewind();
        // An outage of the engine, or a full disk, is reported once, not at every attempt.
        if (!told.has(messageOf(err)))
          logger.warn({ err }, "a container's log was interrupted; it continues where it stopped");
        told.add(messageOf(err));
      }
      await delay(retryMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /**
   * Docker Engine 20.10 may end a stream before the container's last output has come through it. If there is
   * no file, only the last messages are read again, since usually little is missing and reading the whole log
   * takes the engine seconds.
   */
  async #copyRest(container: Logged, file: LogWriter, source: Source, signal: AbortSignal): Promise<void> {
    if (source.kind === "file") return void (await this.#copy(container, file, source, signal));
    for (const tail of [lastMessages, undefined]) {
      const part = { ...ofDocker, follow: false, tail };
      const { read, added } = await this.#copy(container, file, part, signal);
      if (added < read || read === 0) return;
    }
  }

  /** Returns how many lines were read, and how many of these were new. */
  async #copy(
    { id, labels }: Logged,
    file: LogWriter,
    source: Source,
    signal: AbortSignal,
  ): Promise<{ readonly read: number; readonly added: number }> {
    const lookUp = this.#options.hostPaths.of(labels.sandboxId, signal);
    await file.open();
    const position = (await lookUp(labels.logPath, () => readPosition(labels.logPath))) ?? fromTheBeginning();
    const lines =
      source.kind === "file"
        ? source.file.added(position.sinceSeconds)
        : await this.#sent({ id, labels }, { ...source, since: position.sinceSeconds }, signal);
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

  /** What Docker sends. */
  async #sent(
    { id, labels }: Pick<Logged, "id" | "labels">,
    { follow, tail, since }: Extract<Source, { kind: "docker" }> & { readonly since: string },
    signal: AbortSignal,
  ): Promise<AsyncIterable<readonly CriLine[]>> {
    const bytes = await this.#options.client.logs(id, { follow, tail, since }, signal);
    return labels.config.tty ? linesOfTerminal(bytes) : linesOfFrames(bytes);
  }
}

/** Where lines are read from. */
type Source =
  | {
      /** Docker sends them, until the container ends if they are followed. */
      readonly kind: "docker";
      readonly follow: boolean;
      readonly tail?: number | undefined;
    }
  | {
      /** Docker's own file, as far as it is written. */
      readonly kind: "file";
      readonly file: JsonLogFile;
    };

const ofDocker: Extract<Source, { kind: "docker" }> = { kind: "docker", follow: true };

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
