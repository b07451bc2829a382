import { on } from "node:events";
import type { Worker } from "node:worker_threads";
import { messageOf } from "../errors/index.ts";
import type { Logger } from "../logging/index.ts";
import { endThread, receivedError, type SentError, startThread, threadFile } from "../threads/index.ts";
import { MemoryCollection } from "./collection.ts";
import type { Change, Collection, CollectionName, Database, Durability } from "./database.ts";
import { decode, encode } from "./encoding.ts";
import { MetadataError } from "./metadata-error.ts";
import { damaged } from "./sqlite-errors.ts";
import type { Batch, WorkerReply, WorkerRequest, WorkerStart } from "./worker-messages.ts";

/**
 * Opens the SQLite file at `path` (absolute), creates it with mode 0600 if needed, migrates it to the newest
 * schema and loads every record. Throws {@link MetadataError}: FailedPrecondition if another process has it
 * open or a newer berth created it, DataLoss if it is damaged (it is not changed).
 */
export async function openDatabase(options: {
  readonly path: string;
  readonly logger?: Logger;
}): Promise<Database> {
  const { path, logger } = options;
  const workerData: WorkerStart = { path };
  const worker = startThread(threadFile(import.meta.url, "./database-worker"), {
    name: "metadata",
    workerData,
    execArgv: [],
  });
  try {
    const { collections, migratedFrom } = await load(worker, path);
    if (migratedFrom !== undefined)
      logger?.info({ path, from: migratedFrom }, "migrated the database to the newest schema");
    return new SqliteDatabase(path, worker, collections, logger);
  } catch (error) {
    await endThread(worker);
    throw error;
  }
}

/** The pause before a database that could not be written is tried again. */
const tryAgainMs = 5_000;

type Collections = ReadonlyMap<CollectionName, MemoryCollection<unknown>>;

/** Receives the records that the worker reads, until it reports that the database is open. */
async function load(
  worker: Worker,
  path: string,
): Promise<{ collections: Collections; migratedFrom: number | undefined }> {
  const collections = new Map<CollectionName, MemoryCollection<unknown>>();
  for await (const [reply] of on(worker, "message", { close: ["exit"] }) as AsyncIterable<[WorkerReply]>) {
    if (reply.kind === "opened") return { collections, migratedFrom: reply.migratedFrom };
    if (reply.kind === "refused") throw receivedError(reply.error, MetadataError);
    if (reply.kind !== "records") continue;
    const collection = collections.get(reply.collection) ?? new MemoryCollection(reply.collection);
    collections.set(reply.collection, collection);
    fill(collection, reply, path);
  }
  throw new MetadataError("Internal", `opening database ${path}: its thread ended`);
}

function fill(
  target: MemoryCollection<unknown>,
  { collection, rows }: Extract<WorkerReply, { kind: "records" }>,
  path: string,
): void {
  for (const [namespace, key, value] of rows) {
    try {
      target.set(namespace, key, decode(value));
    } catch (error) {
      throw damaged(path, `${collection} record ${namespace}/${key}: ${messageOf(error)}`);
    }
  }
}

type PendingCommit = {
  readonly changes: readonly Change[];
  readonly batch: Batch;
  readonly committed: (() => void) | undefined;
  readonly durability: Durability;
  readonly done: PromiseWithResolvers<void>;
};

/**
 * The main thread's side: collections in memory, and a queue of commits for the thread that owns the file.
 */
class SqliteDatabase implements Database {
  readonly #path: string;
  readonly #logger: Logger | undefined;
  readonly #worker: Worker;
  readonly #exited = Promise.withResolvers<void>();
  readonly #died = Promise.withResolvers<MetadataError>();
  readonly #collections: Collections;
  #state: "open" | "closing" | "dead" = "open";
  /** Commits that wait for the next transaction. */
  #queue: PendingCommit[] = [];
  /** Commits of the transaction in progress. */
  #inFlight: readonly PendingCommit[] = [];
  #sendScheduled = false;
  /** The problem of the last commit, if it affects all commits. */
  #trouble: string | undefined;
  #nextTry: NodeJS.Timeout | undefined;

  constructor(path: string, worker: Worker, collections: Collections, logger: Logger | undefined) {
    this.#path = path;
    this.#logger = logger;
    this.#worker = worker;
    this.#collections = collections;
    worker.on("message", (reply: WorkerReply) => this.#receive(reply));
    worker.on("error", (error) => this.#die(`its thread has ended: ${messageOf(error)}`));
    worker.on("exit", () => this.#die("its thread has ended"));
  }

  trouble(): string | undefined {
    return this.#trouble;
  }

  get died(): Promise<MetadataError> {
    return this.#died.promise;
  }

  async collection<T>(name: CollectionName): Promise<Collection<T>> {
    const collection = this.#collections.get(name);
    if (collection === undefined)
      throw new MetadataError("Internal", `database ${this.#path} has no collection ${name}`);
    return collection as MemoryCollection<T>;
  }

  async commit(
    changes: readonly Change[],
    committed?: () => void,
    durability: Durability = "atOnce",
  ): Promise<void> {
    if (this.#state !== "open") throw this.#unavailable("it is closed");
    if (changes.length > 0) await this.#enqueue(changes, committed, durability);
  }

  #enqueue(
    changes: readonly Change[],
    committed: (() => void) | undefined,
    durability: Durability,
  ): Promise<void> {
    const batch = changes.map((change) => ({
      ...change,
      value: change.value === undefined ? undefined : encode(change.value),
    }));
    const done = Promise.withResolvers<void>();
    this.#queue.push({ changes, batch, committed, durability, done });
    this.#scheduleSend();
    return done.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === "open") {
      this.#state = "closing";
      this.#scheduleSend();
    }
    await this.#exited.promise;
  }

  /** Sends at the end of the current turn, so that commits made together travel together. */
  #scheduleSend(): void {
    if (this.#sendScheduled || this.#inFlight.length > 0) return;
    this.#sendScheduled = true;
    queueMicrotask(() => {
      this.#sendScheduled = false;
      this.#sendNext();
    });
  }

  #sendNext(): void {
    if (this.#queue.length > 0) {
      this.#inFlight = this.#queue;
      this.#queue = [];
      const batches = this.#inFlight.map(({ batch }) => batch);
      const mayWait = this.#inFlight.every(({ durability }) => durability === "withNext");
      this.#post({ kind: "commit", batches, durability: mayWait ? "withNext" : "atOnce" });
    } else if (this.#state === "closing") {
      this.#post({ kind: "close" });
    }
  }

  #post(request: WorkerRequest): void {
    this.#worker.postMessage(request);
  }

  #receive(reply: WorkerReply): void {
    if (reply.kind === "withoutRoom")
      this.#logger?.warn(
        { path: this.#path, error: reply.reason },
        "cannot reserve space for removals on a full disk; it is retried at the next start",
      );
    if (reply.kind !== "committed") return;
    const finished = this.#inFlight;
    this.#inFlight = [];
    for (const [index, { changes, committed, done }] of finished.entries()) {
      const failure = reply.outcomes[index];
      this.#noteTrouble(failure);
      if (failure === undefined) {
        this.#applyAll(changes);
        committed?.();
        done.resolve();
      } else {
        done.reject(receivedError(failure, MetadataError));
      }
    }
    this.#sendNext();
  }

  /** A failure of SQLite or of the file system (Internal) concerns them rather than the commit. */
  #noteTrouble(failure: SentError | undefined): void {
    if (failure === undefined) {
      this.#trouble = undefined;
    } else if (failure.code === "Internal") {
      this.#trouble = failure.message;
      this.#nextTry ??= setTimeout(() => this.#tryAgain(), tryAgainMs).unref();
    }
  }

  /** An empty commit, which writes nevertheless. */
  #tryAgain(): void {
    this.#nextTry = undefined;
    if (this.#trouble !== undefined && this.#state === "open")
      this.#enqueue([], undefined, "atOnce").catch(() => undefined);
  }

  #applyAll(changes: readonly Change[]): void {
    const changed = new Map<CollectionName, Set<string>>();
    for (const { collection, namespace, key, value } of changes) {
      const records = this.#collections.get(collection);
      if (value === undefined) records?.unset(namespace, key);
      else records?.set(namespace, key, value);
      changed.set(collection, (changed.get(collection) ?? new Set()).add(namespace));
    }
    for (const [collection, namespaces] of changed) {
      for (const namespace of namespaces) this.#collections.get(collection)?.notify(namespace);
    }
  }

  #die(reason: string): void {
    if (this.#state === "open") this.#died.resolve(this.#unavailable(reason));
    this.#state = "dead";
    const lost = [...this.#inFlight, ...this.#queue];
    this.#inFlight = [];
    this.#queue = [];
    for (const { done } of lost) done.reject(this.#unavailable(reason));
    this.#exited.resolve();
  }

  #unavailable(reason: string): MetadataError {
    return new MetadataError("Unavailable", `database ${this.#path}: ${reason}`);
  }
}
