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
import { type Labels, nameIn, oursFilter } from "./names-and-labels.ts";
import { orNotFound } from "./requests.ts";

export type MirrorOptions = {
  readonly client: DockerClient;
  readonly logger: Logger;
  /** Whether the container that was created with that name is unfinished, and so must not be shown. */
  readonly isUnfinished: (name: string) => boolean;
  /**
   * Translates a Docker container to what the engine shows; undefined if it is not one of berth's. Tried
   * again if it throws.
   */
  readonly read: (details: ContainerDetails, before: Found | undefined) => Promise<Found | undefined>;
  /**
   * Called after every change of the mirror. `before` is undefined for a new container, `after` for one that
   * is gone.
   */
  readonly onChange: (before: Found | undefined, after: Found | undefined) => void;
  /** Called, after onChange, for a container that somebody else removed. */
  readonly onRemoved: (gone: Found) => void;
  /** Called for each new connection, before anything is shown, to clean up. */
  readonly onConnected: (all: readonly ContainerSummary[]) => Promise<void>;
  /** Called when a command in one of the containers has ended. */
  readonly onExecEnd: (execId: string, exitCode: number) => void;
  /** Called when the engine's images have changed. */
  readonly onImages: () => Promise<void>;
};

/**
 * Delay before the first new attempt to reach an engine that does not answer; doubled up to the second one.
 */
const firstRetryMs = 100;
const longestRetryMs = 5000;

/** How often the engine is pinged, and how long it may take to answer. */
const pingEveryMs = 5000;
const answerMs = 10_000;

/**
 * Docker keeps 1024 events for a client that does not read them, and drops those that come 100 ms later.
 * berth's containers do not cause that many in two seconds: a pause of that length is noticed, as the time
 * is looked at every second and may be late by another one.
 */
const lookAtTimeEveryMs = 1000;
const longestLateMs = 1000;

/** Docker's containers, and the ids of those that were known before they were listed. */
type Listed = { readonly before: readonly string[]; readonly all: readonly ContainerSummary[] };

/** The events that matter here, of containers and of commands in them; others are frequent. */
const actions = [
  ...["create", "start", "die", "destroy", "rename", "update", "oom", "pause", "unpause"],
  "exec_die",
];

/**
 * An in-memory copy of berth's containers in Docker, filled from its lists and updated by its events. So
 * lists, which kubelets request every second, cost no request to Docker. While the engine is away, all calls
 * throw Unavailable. When it is back, everything is read again, and changes since then are reported as if
 * they had been observed.
 */
export class Mirror implements AsyncDisposable {
  readonly #options: MirrorOptions;
  readonly #found = new Map<string, Found>();
  readonly #turns = new KeyLock();
  /** Events of containers that have not been inspected since, by id; and inspections in progress. */
  readonly #pendingEvents = new Map<string, DockerEvent[]>();
  readonly #inspections = new Set<Promise<void>>();
  /** Ids of containers whose last inspection failed. */
  readonly #failedInspections = new Set<string>();
  /** By the ids of unfinished containers that are being created, what is called when one ends. */
  readonly #unfinished = new Map<string, () => void>();
  readonly #closing = new AbortController();
  #away: string | undefined = "it has not been asked yet";
  #connection = AbortSignal.abort();
  #running: Promise<void> = Promise.resolve();

  constructor(options: MirrorOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the first connection is established or has failed; then it is tried again in the
   * background.
   */
  async start(): Promise<void> {
    const first = Promise.withResolvers<void>();
    this.#running = this.#run(first.resolve);
    await first.promise;
  }

  /** Why the engine is not available; undefined while it answers. */
  get away(): string | undefined {
    return this.#away;
  }

  /** Throws EngineError Unavailable while the engine is away. */
  requireEngine(): void {
    if (this.#away === undefined) return;
    throw new EngineError("Unavailable", `the Docker Engine is not available: ${this.#away}`);
  }

  /**
   * A signal that aborts with the connection to the engine, for work that must not outlive it: containers may
   * end with the engine. Throws as requireEngine does.
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

  /** Finds an object by its full id, even while the engine is away. */
  find(id: string): Found | undefined {
    return this.#found.get(id);
  }

  /**
   * Inspects a container, unless `isSeen` says that the mirror already shows the expected state: Docker's
   * event may have come before its answer.
   */
  async refresh(
    id: string,
    isSeen: (found: Found | undefined) => boolean = () => false,
  ): Promise<Found | undefined> {
    using _ = await this.#turns.acquire(id);
    if (!isSeen(this.#found.get(id))) await this.#inspect(id);
    return this.#found.get(id);
  }

  /** Until the result is disposed, calls `onEnd` if Docker reports that an unfinished container has ended. */
  watchUnfinished(id: string, onEnd: () => void): Disposable {
    this.#unfinished.set(id, onEnd);
    return { [Symbol.dispose]: () => void this.#unfinished.delete(id) };
  }

  /** Shows a container that is no longer unfinished, from details that were read before. */
  async show(details: ContainerDetails): Promise<void> {
    const id = details.Id;
    using _ = await this.#turns.acquire(id);
    await this.#take(id, details).catch((err: unknown) => {
      this.#retryInspection(id, err);
      throw err;
    });
  }

  /**
   * Runs a short request that changes a container, then inspects it, even if the request failed. Events of
   * the container wait until then.
   */
  async change(id: string, work: () => Promise<void>): Promise<Found | undefined> {
    using _ = await this.#turns.acquire(id);
    try {
      await work();
    } finally {
      await this.#inspect(id);
    }
    return this.#found.get(id);
  }

  /** Removes a container from the mirror after `work` has had Docker remove it. */
  async remove(id: string, work: () => Promise<void>): Promise<void> {
    using _ = await this.#turns.acquire(id);
    await work();
    await this.#take(id, undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new EngineError("Unavailable", "the daemon is shutting down"));
    await this.#running;
    await Promise.all(this.#inspections);
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

  /**
   * Follows a connection until it ends. Subscribes to events before reading the lists, so that nothing that
   * happens meanwhile is missed.
   */
  async #follow(onReady: () => void): Promise<void> {
    const { client, logger } = this.#options;
    const connection = new AbortController();
    const gone = () => new EngineError("Unavailable", "the connection to the Docker Engine ended meanwhile");
    using _connection = { [Symbol.dispose]: () => connection.abort(gone()) };
    const ending = AbortSignal.any([this.#closing.signal, connection.signal]);
    void this.#watch(connection);
    void this.#watchTime(connection);
    const { Version, agreed } = await client.agree(ending);
    const events = await client.events({ type: ["container"], event: actions, ...oursFilter }, ending);
    await this.#followImages(ending, () => connection.abort(gone()));
    this.#connection = connection.signal;
    const listed = await this.#list(ending);
    await raceAbort(this.#options.onConnected(listed.all), ending);
    await this.#inspectAll(listed, ending);
    this.#away = undefined;
    logger.info({ engine: client.name, version: Version, api: agreed }, "connected to the Docker Engine");
    onReady();
    for await (const event of events) this.#onEvent(event);
  }

  /** Ends a connection if pings are not answered: a connection to an engine that hangs stays open. */
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

  /**
   * Reads everything again if this process did not run for a while. If that fails, the connection ends, and
   * the next one does it.
   */
  async #watchTime(connection: AbortController): Promise<void> {
    const { signal } = connection;
    try {
      while (!signal.aborted) {
        const begun = performance.now();
        await delay(lookAtTimeEveryMs, undefined, { signal, ref: false });
        if (performance.now() - begun > lookAtTimeEveryMs + longestLateMs) await this.#readAgain(signal);
      }
    } catch (cause) {
      const lost = "events may have been lost, and the containers could not be listed";
      connection.abort(new EngineError("Unavailable", lost, { cause }));
    }
  }

  /**
   * Handles an event. Containers do not wait for each other; events of one that arrive before it is inspected
   * share one inspection.
   */
  #onEvent(event: DockerEvent): void {
    const { ID: id, Attributes } = event.Actor;
    if (event.Action === "exec_die") {
      const labels = this.#found.get(id)?.details.Config.Labels;
      // A label of that name, which may be the image's, replaces what the event says. Docker is asked then.
      if (labels === undefined || "execID" in labels || "exitCode" in labels) return;
      this.#options.onExecEnd(Attributes.execID ?? "", Number(Attributes.exitCode));
      return;
    }
    // It is shown once it is finished; inspecting it at each step would only cost requests.
    if (this.#isUnfinished(Attributes)) {
      if (event.Action === "die") this.#unfinished.get(id)?.();
      return;
    }
    const waiting = this.#pendingEvents.get(id);
    if (waiting !== undefined) return void waiting.push(event);
    this.#pendingEvents.set(id, [event]);
    this.#inBackground(this.#inspectAfterEvents(id));
  }

  #inBackground(work: Promise<void>): void {
    // Failed inspections are repeated.
    const inspection = work.catch(() => undefined).finally(() => this.#inspections.delete(inspection));
    this.#inspections.add(inspection);
  }

  async #inspectAfterEvents(id: string): Promise<void> {
    using _ = await this.#turns.acquire(id, this.#closing.signal);
    const events = this.#pendingEvents.get(id) ?? [];
    this.#pendingEvents.delete(id);
    const before = this.#found.get(id);
    if (!this.#failedInspections.has(id) && events.every((event) => isAlreadyShown(event, before))) return;
    await this.#inspect(id);
    if (before !== undefined && !this.#found.has(id)) this.#options.onRemoved(before);
  }

  /** Inspects a container; the caller holds its lock. */
  async #inspect(id: string, signal?: AbortSignal): Promise<void> {
    try {
      await this.#take(id, await this.#details(id, signal));
      this.#failedInspections.delete(id);
    } catch (err) {
      this.#retryInspection(id, err);
      throw err;
    }
  }

  /**
   * Docker sends each event only once, so a container whose inspection failed is inspected again, while the
   * engine is available, until that succeeds.
   */
  #retryInspection(id: string, err: unknown): void {
    const { signal } = this.#closing;
    if (signal.aborted) return;
    this.#options.logger.warn({ err, container: id }, "a container could not be looked at; trying again");
    if (this.#failedInspections.has(id)) return;
    this.#failedInspections.add(id);
    const again = async () => {
      for (
        let waitMs = firstRetryMs;
        this.#failedInspections.has(id);
        waitMs = Math.min(waitMs * 2, longestRetryMs)
      ) {
        await delay(waitMs, undefined, { signal });
        if (this.#away === undefined) await this.#inspectAfterEvents(id).catch(() => undefined);
      }
    };
    this.#inBackground(again());
  }

  /** Reads the images now and whenever they change; calls `onEnd` when the stream of image events ends. */
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

  async #readAgain(signal: AbortSignal): Promise<void> {
    this.#options.logger.warn("berth did not run for a while: events of Docker may have been lost");
    await this.#inspectAll(await this.#list(signal), signal);
    await this.#options.onImages();
  }

  async #list(signal: AbortSignal): Promise<Listed> {
    // Containers that are created while Docker prepares its answer may be missing from it.
    const before = [...this.#found.keys()];
    return { before, all: await this.#options.client.containers(oursFilter, signal) };
  }

  async #inspectAll({ before, all }: Listed, signal: AbortSignal): Promise<void> {
    // Concurrently, each for a limited time: a container may hang in Docker, and reporting its end waits for
    // its log.
    await Promise.all(all.map((summary) => this.#inspectOrShow(summary, signal)));
    const ids = new Set(all.map(({ Id }) => Id));
    signal.throwIfAborted();
    for (const id of before) if (!ids.has(id)) await this.#take(id, undefined);
  }

  /**
   * A container that Docker lists exists. If it cannot be inspected, it is shown as the list has it until it
   * can be: a kubelet would otherwise take it for gone, and create another.
   */
  async #inspectOrShow(summary: ContainerSummary, signal: AbortSignal): Promise<void> {
    const { Id: id } = summary;
    try {
      // Docker may be starting it, which can take long.
      using _ = await this.#turns.acquire(id, AbortSignal.any([signal, AbortSignal.timeout(answerMs)]));
      await this.#inspect(id, signal);
    } catch (err) {
      if (signal.aborted) return;
      if (!this.#failedInspections.has(id)) this.#retryInspection(id, err);
      // The next inspection reports the error.
      if (!this.#found.has(id)) await this.#take(id, detailsOf(summary)).catch(() => undefined);
    }
  }

  /**
   * Asks Docker for a container's details, with a time limit, since the caller holds the container's lock.
   * Throws EngineError Unavailable after that.
   */
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
    // It is shown once it is finished.
    if (this.#isUnfinished(details.Config.Labels)) return;
    const after = await read(details, before);
    if (after === undefined) return;
    this.#found.set(id, after);
    onChange(before, after);
  }

  #isUnfinished(labels: Labels): boolean {
    const name = nameIn(labels);
    return name !== undefined && this.#options.isUnfinished(name);
  }
}

/**
 * Whether the mirror already shows the event's effect: most events follow from our own requests, whose result
 * was read at once.
 */
function isAlreadyShown({ Action, Actor, timeNano }: DockerEvent, found: Found | undefined): boolean {
  switch (Action) {
    case "create":
      return isShown(found);
    case "start":
      // Somebody may have started an ended container again by hand.
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
