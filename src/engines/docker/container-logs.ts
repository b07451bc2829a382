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

/** What must be known of a container whose log is followed. */
type Logged = Pick<FoundContainer, "id" | "labels">;

/** How long to wait before a log that broke off is followed again. */
const retryMs = 500;
/** How long to wait, when a stream has ended, to hear that its container has too, before Docker is asked. */
const endMs = 200;
/** So many of a container's last messages are looked at again when it has ended. */
const lastMessages = 1000;
/** The end of a container is not held up longer than this by its log. */
const drainMs = 5000;

type Follower = {
  readonly closing: AbortController;
  /** The container is known to have ended. */
  readonly ended: PromiseWithResolvers<void>;
  readonly done: Promise<void>;
  /** Opens the path anew with the next line: it was renamed. */
  reopen: () => Promise<void>;
};

type Following = { readonly signal: AbortSignal; readonly hasEnded: () => Promise<boolean> };

/**
 * Writes the logs of containers in CRI's form, out of the engine's own, which it keeps however long nobody
 * listens: where a log was broken off, by an end of this process or of the engine, it goes on without a line
 * lost or written twice.
 */
export class ContainerLogs implements AsyncDisposable {
  readonly #options: ContainerLogsOptions;
  readonly #followers = new Map<string, Follower>();
  /** Whose log was followed to its end. */
  readonly #whole = new Set<string>();

  constructor(options: ContainerLogsOptions) {
    this.#options = options;
  }

  /** Makes the log of one that is about to start. Throws as {@link LogWriter.open}. */
  async prepare(container: Logged): Promise<void> {
    if (container.labels.logPath === "") return;
    await using file = this.#fileOf(container);
    await file.open();
  }

  /** Follows a container that runs or is about to, unless it is followed already or keeps no log. */
  follow(container: Logged): void {
    const { id, labels } = container;
    if (labels.logPath === "" || this.#followers.has(id)) return;
    // It may have been started again by a person.
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

  /** One that ended while nobody followed; a log that was taken away meanwhile is not made again. */
  async finish(container: FoundContainer): Promise<void> {
    const { logPath, sandboxId } = container.labels;
    if (logPath === "" || this.#followers.has(container.id)) return;
    const position = await this.#options.hostPaths.of(sandboxId)(logPath, () => readPosition(logPath));
    if (position !== undefined) this.follow(container);
  }

  /**
   * Resolves when all that a container that has just ended wrote is in its log, or after some seconds. It may
   * have ended before anybody saw it run.
   */
  async drained(container: Logged): Promise<void> {
    if (!this.#whole.has(container.id)) this.follow(container);
    const follower = this.#followers.get(container.id);
    if (follower === undefined) return;
    follower.ended.resolve();
    await Promise.race([follower.done, delay(drainMs, undefined, { ref: false })]);
  }

  /** No error for one that is not followed: nothing is written to its log. */
  async reopen(id: string): Promise<void> {
    await this.#followers.get(id)?.reopen();
  }

  /** Its container is gone. */
  async forget(id: string): Promise<void> {
    const follower = this.#followers.get(id);
    follower?.closing.abort();
    await follower?.done;
    this.#whole.delete(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#followers.keys()].map((id) => this.forget(id)));
  }

  /** The engine ends the stream with the container, and also when it ends itself. */
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
   * Docker Engine 20.10 may end a stream before the last that a container wrote has come through it. Most
   * often that is little, and all that there is takes the engine seconds to read.
   */
  async #copyRest(container: Logged, file: LogWriter, signal: AbortSignal): Promise<void> {
    for (const tail of [lastMessages, undefined]) {
      const { read, added } = await this.#copy(container, file, { follow: false, tail }, signal);
      if (added < read) return;
    }
  }

  /** Returns how many lines Docker has told of, and how many of these were new. */
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

/** Takes a line that is there already off the list. */
function isNew(line: CriLine, { written }: LogPosition): boolean {
  if (written.size === 0) return true;
  const text = line.toString("latin1", 0, line.length - 1);
  const left = written.get(text);
  if (left === undefined) return true;
  if (left === 1) written.delete(text);
  else written.set(text, left - 1);
  return false;
}
