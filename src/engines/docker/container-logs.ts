import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { makeDirectories } from "../../ground/directories/index.ts";
import { hasCode } from "../../ground/errors/index.ts";
import { isErrno } from "../../ground/fs/index.ts";
import type { HostPaths } from "../../ground/hostpaths/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import type { DockerClient } from "../../parts/dockerapi/index.ts";
import type { FoundContainer } from "./found.ts";
import { type CriLine, linesOfFrames, linesOfTerminal } from "./log-lines.ts";
import { fromTheBeginning, type LogPosition, readPosition } from "./log-position.ts";

export type ContainerLogsOptions = {
  readonly client: DockerClient;
  readonly hostPaths: HostPaths;
  readonly logger: Logger;
};

/** What must be known of a container whose log is followed. */
type Logged = Pick<FoundContainer, "id" | "details" | "labels">;

/** How long to wait before a log that broke off is followed again. */
const retryMs = 500;
/** How long to wait, when a stream has ended, to hear that its container has too, before Docker is asked. */
const endMs = 200;
/** The end of a container is not held up longer than this by its log. */
const drainMs = 5000;

type Follower = {
  readonly closing: AbortController;
  /** The file is there. */
  readonly opened: Promise<void>;
  /** The container is known to have ended. */
  readonly ended: PromiseWithResolvers<void>;
  readonly done: Promise<void>;
  /** Opens the path anew with the next line: it was renamed. */
  reopen: () => Promise<void>;
};

type Following = {
  readonly signal: AbortSignal;
  readonly onOpened: () => void;
  readonly hasEnded: () => Promise<boolean>;
};

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

  /** Follows a container that runs or is about to, unless it is followed already or keeps no log. */
  follow(container: Logged): void {
    const { id, labels } = container;
    if (labels.logPath === "" || this.#followers.has(id)) return;
    const closing = new AbortController();
    const file = new LogFile(labels.logPath, labels.sandboxId, this.#options.hostPaths);
    const [opened, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const hasEnded = () => this.#hasEnded(container, ended.promise);
    const done = this.#follow(container, file, {
      signal: closing.signal,
      onOpened: opened.resolve,
      hasEnded,
    }).finally(() => {
      opened.resolve();
      this.#followers.delete(id);
    });
    this.#followers.set(id, { closing, done, ended, opened: opened.promise, reopen: () => file.reopen() });
  }

  /** Resolves when the log of one that is followed is there. */
  async opened(id: string): Promise<void> {
    await this.#followers.get(id)?.opened;
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

  async #follow(container: Logged, file: LogFile, { signal, onOpened, hasEnded }: Following): Promise<void> {
    const logger = this.#options.logger.child({ container: container.id });
    await using _file = file;
    while (!signal.aborted) {
      try {
        await this.#copy(container, file, signal, onOpened);
        if (await hasEnded()) {
          this.#whole.add(container.id);
          return;
        }
        await delay(retryMs, undefined, { signal }).catch(() => undefined);
      } catch (err) {
        if (signal.aborted || hasCode(err, "NotFound")) return;
        logger.warn({ err }, "a container's log broke off; it goes on where it was");
        await delay(retryMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #copy(
    { id, details, labels }: Logged,
    file: LogFile,
    signal: AbortSignal,
    onOpened: () => void,
  ): Promise<void> {
    const { client, hostPaths } = this.#options;
    const lookUp = hostPaths.of(labels.sandboxId, signal);
    const position = (await lookUp(labels.logPath, () => readPosition(labels.logPath))) ?? fromTheBeginning();
    await file.open();
    onOpened();
    const source = await client.logs(id, position.sinceSeconds, signal);
    const lines = details.Config.Tty ? linesOfTerminal(source) : linesOfFrames(source);
    for await (const line of lines) if (isNew(line, position)) await file.write(line.bytes);
  }
}

/** Takes a line that is there already off the list. */
function isNew({ bytes }: CriLine, { written }: LogPosition): boolean {
  if (written.size === 0) return true;
  const text = bytes.toString("latin1", 0, bytes.length - 1);
  const left = written.get(text);
  if (left === undefined) return true;
  if (left === 1) written.delete(text);
  else written.set(text, left - 1);
  return false;
}

/** The file that a kubelet reads and renames. */
class LogFile implements AsyncDisposable {
  readonly #path: string;
  readonly #owner: string;
  readonly #hostPaths: HostPaths;
  #file: FileHandle | undefined;
  /** Writes and reopenings one after the other: no line is cut by a rotation. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(path: string, owner: string, hostPaths: HostPaths) {
    this.#path = path;
    this.#owner = owner;
    this.#hostPaths = hostPaths;
  }

  open(): Promise<void> {
    return this.#inTurn(async () => {
      this.#file ??= await this.#opened();
    });
  }

  write(bytes: Buffer): Promise<void> {
    return this.#inTurn(async () => {
      this.#file ??= await this.#opened();
      await this.#file.appendFile(bytes);
    });
  }

  /** The next line is in the file that has the name then, which is there when this resolves. */
  reopen(): Promise<void> {
    return this.#inTurn(async () => {
      const next = await this.#opened();
      await this.#file?.close();
      this.#file = next;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inTurn(async () => {
      await this.#file?.close();
      this.#file = undefined;
    });
  }

  async #opened(): Promise<FileHandle> {
    return await this.#hostPaths.of(this.#owner)(this.#path, async () => {
      try {
        return await open(this.#path, "a", 0o640);
      } catch (error) {
        if (!isErrno(error, "ENOENT")) throw error;
        await makeDirectories(dirname(this.#path), 0o755);
        return await open(this.#path, "a", 0o640);
      }
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}
