import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../../ground/errors/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import { KeyLock, raceAbort } from "../../ground/sync/index.ts";
import type {
  ContainerDetails,
  ContainerSummary,
  DockerClient,
  DockerEvent,
} from "../../parts/dockerapi/index.ts";
import { EngineError } from "../engine/index.ts";
import { detailsOf } from "./details-of-summary.ts";
import type { Found, FoundContainer, FoundSandbox } from "./found.ts";
import { hasEnded, hasEndedBefore, hasStarted, isContainer, isSandbox, isShown } from "./found.ts";
import { oursFilter } from "./names-and-labels.ts";
import { orNotFound } from "./or-not-found.ts";

export type MirrorOptions = {
  readonly client: DockerClient;
  readonly logger: Logger;
  /** Whether one of that name is not whole, and so not to be shown. */
  readonly isUnfinished: (name: string) => boolean;
  /**
   * Makes of Docker's container what the engine shows; undefined for what is none of ours. It is tried again
   * where that fails.
   */
  readonly read: (details: ContainerDetails, before: Found | undefined) => Promise<Found | undefined>;
  /** Called for every change, when the mirror has it; undefined is one that was not there, or is gone. */
  readonly onChange: (before: Found | undefined, after: Found | undefined) => void;
  /** Called, after onChange, for one that somebody else has removed. */
  readonly onRemoved: (gone: Found) => void;
  /** Called whenever the engine answers again, before anything is shown: tidies up. */
  readonly onConnected: (all: readonly ContainerSummary[]) => Promise<void>;
  /** Called when a command in one of the containers has ended. */
  readonly onExecEnd: (execId: string, exitCode: number) => void;
  /** Called when the engine's images have changed. */
  readonly onImages: () => Promise<void>;
};

/** How long to wait before an engine that does not answer is asked again: doubled up to the second. */
const firstRetryMs = 100;
const longestRetryMs = 5000;

/** How often the engine is asked whether it is there, and how long it may take to answer. */
const pingEveryMs = 5000;
const answerMs = 10_000;

/** What becomes of a container, and of commands in it, that matters here; other events are many. */
const actions = [
  ...["create", "start", "die", "destroy", "rename", "update", "oom", "pause", "unpause"],
  "exec_die",
];

/**
 * Docker's containers that are ours, in memory: filled from its lists, followed by its events. So lists,
 * which kubelets ask for every second, cost no request. While the engine is away everything is Unavailable;
 * when it is back all is looked at anew, and what has changed meanwhile is told as if it had been seen.
 */
export class Mirror implements AsyncDisposable {
  readonly #options: MirrorOptions;
  readonly #found = new Map<string, Found>();
  readonly #turns = new KeyLock();
  /** What was heard of containers, until they are looked at; and these looks. */
  readonly #heard = new Map<string, DockerEvent[]>();
  readonly #looks = new Set<Promise<void>>();
  /** Those at which a look has failed, until one succeeds. */
  readonly #missed = new Set<string>();
  /** Unfinished ones that have ended. */
  readonly #endedUnfinished = new Set<string>();
  readonly #closing = new AbortController();
  #away: string | undefined = "it has not been asked yet";
  #connection = AbortSignal.abort();
  #running: Promise<void> = Promise.resolve();

  constructor(options: MirrorOptions) {
    this.#options = options;
  }

  /** Resolves when the first look is done, or has failed: then it is tried again in the background. */
  async start(): Promise<void> {
    const first = Promise.withResolvers<void>();
    this.#running = this.#run(first.resolve);
    await first.promise;
  }

  /** Why nothing can be asked; undefined while the engine answers. */
  get away(): string | undefined {
    return this.#away;
  }

  /** Throws EngineError Unavailable while the engine is away. */
  requireEngine(): void {
    if (this.#away === undefined) return;
    throw new EngineError("Unavailable", `the Docker Engine is not available: ${this.#away}`);
  }

  /**
   * For work that must not outlive the connection to the engine, as what runs may end with it. Throws as
   * requireEngine does.
   */
  connection(): AbortSignal {
    this.requireEngine();
    return this.#connection;
  }

  sandboxes(): readonly FoundSandbox[] {
    this.requireEngine();
    return [...this.#found.values()].filter(isSandbox);
  }

  containers(): readonly FoundContainer[] {
    this.requireEngine();
    return [...this.#found.values()].filter(isContainer);
  }

  /** By whole id, also while the engine is away. */
  find(id: string): Found | undefined {
    return this.#found.get(id);
  }

  /**
   * Looks at one anew, unless it `isSeen` to be what it was asked to become: Docker's event may have come
   * before Docker's answer.
   */
  async refresh(
    id: string,
    isSeen: (found: Found | undefined) => boolean = () => false,
  ): Promise<Found | undefined> {
    using _ = await this.#turns.acquire(id);
    if (!isSeen(this.#found.get(id))) await this.#look(id);
    return this.#found.get(id);
  }

  /** Shows one that is whole from now on, as it was looked at before. */
  async show(details: ContainerDetails): Promise<void> {
    const id = details.Id;
    if (this.#endedUnfinished.delete(id)) return void (await this.refresh(id));
    using _ = await this.#turns.acquire(id);
    await this.#take(id, details).catch((err: unknown) => {
      this.#lookAgain(id, err);
      throw err;
    });
  }

  /**
   * Has Docker do something short with one, and looks at what has become of it, also where that failed: what
   * events tell of it meanwhile waits, and is known then.
   */
  async change(id: string, work: () => Promise<void>): Promise<Found | undefined> {
    using _ = await this.#turns.acquire(id);
    try {
      await work();
    } finally {
      await this.#look(id);
    }
    return this.#found.get(id);
  }

  /** Shows one no more that `work` has Docker remove. */
  async remove(id: string, work: () => Promise<void>): Promise<void> {
    using _ = await this.#turns.acquire(id);
    await work();
    await this.#take(id, undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new EngineError("Unavailable", "the daemon is shutting down"));
    await this.#running;
    await Promise.all(this.#looks);
  }

  async #run(onFirst: () => void): Promise<void> {
    const { signal } = this.#closing;
    let retryMs = firstRetryMs;
    while (!signal.aborted) {
      try {
        await this.#follow(() => {
          retryMs = firstRetryMs;
          onFirst();
        });
        this.#away = "the connection to it ended; reconnecting";
      } catch (error) {
        if (signal.aborted) return;
        this.#away = messageOf(error);
        this.#options.logger.warn({ err: error }, "the Docker Engine does not answer; asking again");
        onFirst();
        await delay(retryMs, undefined, { signal }).catch(() => undefined);
        retryMs = Math.min(retryMs * 2, longestRetryMs);
      }
    }
  }

  /** Events first: what happens while the lists are read must not be missed. Ends with the connection. */
  async #follow(onReady: () => void): Promise<void> {
    const { client, logger } = this.#options;
    const connection = new AbortController();
    const gone = () => new EngineError("Unavailable", "the connection to the Docker Engine ended meanwhile");
    using _connection = { [Symbol.dispose]: () => connection.abort(gone()) };
    const ending = AbortSignal.any([this.#closing.signal, connection.signal]);
    void this.#watch(connection);
    const { Version, agreed } = await client.agree(ending);
    const events = await client.events({ type: ["container"], event: actions, ...oursFilter }, ending);
    await this.#followImages(ending, () => connection.abort(gone()));
    this.#connection = connection.signal;
    await this.#lookAtAll(ending);
    this.#away = undefined;
    logger.info({ engine: client.name, version: Version, api: agreed }, "connected to the Docker Engine");
    onReady();
    for await (const event of events) this.#hear(event);
  }

  /** Ends a connection over which nothing is answered any more: one to an engine that hangs stays open. */
  async #watch(connection: AbortController): Promise<void> {
    const { signal } = connection;
    try {
      while (!signal.aborted) {
        await delay(pingEveryMs, undefined, { signal, ref: false });
        await this.#options.client.ping(AbortSignal.any([signal, AbortSignal.timeout(answerMs)]));
      }
    } catch (cause) {
      const silence = `it has not answered for ${answerMs / 1000} s; check why dockerd hangs`;
      connection.abort(new EngineError("Unavailable", silence, { cause }));
    }
  }

  /** Containers do not wait for each other. What is heard of one before it is looked at is one look's. */
  #hear(event: DockerEvent): void {
    const { ID: id, Attributes } = event.Actor;
    if (event.Action === "exec_die") {
      this.#options.onExecEnd(Attributes.execID ?? "", Number(Attributes.exitCode));
      return;
    }
    if (event.Action === "destroy") this.#endedUnfinished.delete(id);
    // It is shown from when it is whole: a look at each of its steps would only cost.
    if (this.#options.isUnfinished(Attributes.name ?? "")) {
      if (event.Action === "die") this.#endedUnfinished.add(id);
      return;
    }
    const waiting = this.#heard.get(id);
    if (waiting !== undefined) return void waiting.push(event);
    this.#heard.set(id, [event]);
    this.#inBackground(this.#lookAfter(id));
  }

  #inBackground(work: Promise<void>): void {
    // What has failed is done again.
    const look = work.catch(() => undefined).finally(() => this.#looks.delete(look));
    this.#looks.add(look);
  }

  async #lookAfter(id: string): Promise<void> {
    using _ = await this.#turns.acquire(id, this.#closing.signal);
    const heard = this.#heard.get(id) ?? [];
    this.#heard.delete(id);
    const before = this.#found.get(id);
    if (!this.#missed.has(id) && heard.every((event) => tellsNothing(event, before))) return;
    await this.#look(id);
    if (before !== undefined && !this.#found.has(id)) this.#options.onRemoved(before);
  }

  /** Looks at one in its turn. */
  async #look(id: string, signal?: AbortSignal): Promise<void> {
    try {
      await this.#take(id, await this.#details(id, signal));
      this.#missed.delete(id);
    } catch (err) {
      this.#lookAgain(id, err);
      throw err;
    }
  }

  /**
   * Docker tells only once of what has happened: one that could not be looked at is looked at again, while
   * the engine is there, until that succeeds.
   */
  #lookAgain(id: string, err: unknown): void {
    const { signal } = this.#closing;
    if (signal.aborted) return;
    this.#options.logger.warn({ err, container: id }, "a container could not be looked at; trying again");
    if (this.#missed.has(id)) return;
    this.#missed.add(id);
    const again = async () => {
      for (let waitMs = firstRetryMs; this.#missed.has(id); waitMs = Math.min(waitMs * 2, longestRetryMs)) {
        await delay(waitMs, undefined, { signal });
        if (this.#away === undefined) await this.#lookAfter(id).catch(() => undefined);
      }
    };
    this.#inBackground(again());
  }

  /** Looks at the images, and again whenever they change; calls `onEnd` when Docker tells of that no more. */
  async #followImages(signal: AbortSignal, onEnd: () => void): Promise<void> {
    const { client, onImages, logger } = this.#options;
    const events = await client.events({ type: ["image"] }, signal);
    await raceAbort(onImages(), signal);
    const look = async (): Promise<void> => {
      try {
        await onImages();
      } catch (err) {
        logger.warn({ err }, "the images could not be looked at; trying again");
        await delay(longestRetryMs, undefined, { signal });
        await look();
      }
    };
    const follow = async () => {
      for await (const _ of events) await look();
    };
    follow()
      .catch((err: unknown) => {
        if (!signal.aborted) logger.debug({ err }, "events of Docker's images ended");
      })
      .finally(onEnd);
  }

  async #lookAtAll(signal: AbortSignal): Promise<void> {
    // What is made while Docker answers need not be in its answer.
    const before = [...this.#found.keys()];
    const all = await this.#options.client.containers(oursFilter, signal);
    await raceAbort(this.#options.onConnected(all), signal);
    // Together, and for so long: one may hang within Docker, and the end of one waits for its log.
    await Promise.all(all.map((summary) => this.#lookOrShow(summary, signal)));
    const ids = new Set(all.map(({ Id }) => Id));
    signal.throwIfAborted();
    for (const id of before) if (!ids.has(id)) await this.#take(id, undefined);
  }

  /**
   * One that Docker lists is there: where it is not described, it is shown as the list has it until it is. A
   * kubelet would take it for gone, and make another.
   */
  async #lookOrShow(summary: ContainerSummary, signal: AbortSignal): Promise<void> {
    const { Id: id } = summary;
    try {
      // Docker may take long to start it meanwhile.
      using _ = await this.#turns.acquire(id, AbortSignal.any([signal, AbortSignal.timeout(answerMs)]));
      await this.#look(id, signal);
    } catch (err) {
      if (signal.aborted) return;
      if (!this.#missed.has(id)) this.#lookAgain(id, err);
      // What is wrong with this one is told by the next look.
      if (!this.#found.has(id)) await this.#take(id, detailsOf(summary)).catch(() => undefined);
    }
  }

  /** Whoever asks holds its turn: Docker has some seconds. Throws EngineError Unavailable after these. */
  async #details(id: string, signal?: AbortSignal): Promise<ContainerDetails | undefined> {
    const over = AbortSignal.timeout(answerMs);
    const ending = [this.#closing.signal, over, signal].filter((each) => each !== undefined);
    try {
      return await orNotFound(this.#options.client.container(id, AbortSignal.any(ending)));
    } catch (cause) {
      if (!over.aborted) throw cause;
      const silence = `Docker has not described container ${id} within ${answerMs / 1000} s; check why it hangs`;
      throw new EngineError("Unavailable", silence, { cause });
    }
  }

  async #take(id: string, details: ContainerDetails | undefined): Promise<void> {
    const { read, onChange } = this.#options;
    const before = this.#found.get(id);
    if (details === undefined) {
      if (!this.#found.delete(id)) return;
      return onChange(before, undefined);
    }
    // It is shown from when it is whole.
    if (this.#options.isUnfinished(details.Name.slice(1))) return;
    const after = await read(details, before);
    if (after === undefined) return;
    this.#found.set(id, after);
    onChange(before, after);
  }
}

/** Whether it is known already: most events are of what was asked for here, and seen when it was done. */
function tellsNothing({ Action, Actor, timeNano }: DockerEvent, found: Found | undefined): boolean {
  switch (Action) {
    case "create":
      return isShown(found);
    case "start":
      // One that has ended may have been started again by a person.
      return hasStarted(found) && !hasEndedBefore(found, timeNano);
    case "die":
      return hasEnded(found);
    case "destroy":
      return !isShown(found);
    case "rename":
      return found?.details.Name === `/${Actor.Attributes.name}`;
    default:
      return false;
  }
}
