import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../../ground/errors/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import { KeyLock } from "../../ground/sync/index.ts";
import { type ContainerDetails, type DockerClient, DockerError } from "../../parts/dockerapi/index.ts";
import { EngineError } from "../engine/index.ts";
import type { Found, FoundContainer, FoundSandbox } from "./found.ts";
import { isContainer, isSandbox } from "./found.ts";
import { isUnfinished, oursFilter } from "./names-and-labels.ts";

export type MirrorOptions = {
  readonly client: DockerClient;
  readonly logger: Logger;
  /** Makes of Docker's container what the engine shows; undefined for what is none of ours. */
  readonly read: (details: ContainerDetails, before: Found | undefined) => Promise<Found | undefined>;
  /** Called for every change, when the mirror has it; undefined is one that was not there, or is gone. */
  readonly onChange: (before: Found | undefined, after: Found | undefined) => void;
  /** Called whenever the engine answers again, before anything is shown: tidies up. */
  readonly onConnected: (all: readonly ContainerDetails[]) => Promise<void>;
  /** Called when the engine's images have changed. */
  readonly onImages: () => Promise<void>;
};

/** How long to wait before an engine that does not answer is asked again: doubled up to the second. */
const firstRetryMs = 100;
const longestRetryMs = 5000;

/** What becomes of a container that matters here; other events (exec, health) are many. */
const actions = ["create", "start", "die", "destroy", "rename", "oom", "pause", "unpause"];

/**
 * Docker's containers that are ours, in memory: filled from its lists, followed by its events. So lists,
 * which kubelets ask for every second, cost no request. While the engine is away everything is Unavailable;
 * when it is back all is looked at anew, and what has changed meanwhile is told as if it had been seen.
 */
export class Mirror implements AsyncDisposable {
  readonly #options: MirrorOptions;
  readonly #found = new Map<string, Found>();
  readonly #turns = new KeyLock();
  readonly #closing = new AbortController();
  #away: string | undefined = "it was not asked yet";
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

  /** Looks at one anew. What it was asked to become, it has become when this resolves. */
  async refresh(id: string): Promise<Found | undefined> {
    using _ = await this.#turns.acquire(id);
    const details = await this.#details(id);
    await this.#take(id, details);
    return this.#found.get(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#running;
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
        this.#away = "the connection to it ended; it is being made again";
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
    const { signal } = this.#closing;
    const { Version, agreed } = await client.agree(signal);
    const events = await client.events({ type: ["container"], event: actions, ...oursFilter }, signal);
    const connection = new AbortController();
    using _connection = { [Symbol.dispose]: () => connection.abort() };
    await this.#followImages(AbortSignal.any([signal, connection.signal]));
    await this.#lookAtAll();
    this.#away = undefined;
    logger.info({ engine: client.name, version: Version, api: agreed }, "connected to the Docker Engine");
    onReady();
    for await (const { Actor } of events) {
      // It is shown from when it is whole: a look at each of its steps would only cost.
      if (isUnfinished(Actor.Attributes.name ?? "")) continue;
      await this.refresh(Actor.ID).catch((err: unknown) =>
        logger.warn({ err, container: Actor.ID }, "a container could not be looked at after an event"),
      );
    }
  }

  /** Looks at the images, and again whenever they change. */
  async #followImages(signal: AbortSignal): Promise<void> {
    const { client, onImages, logger } = this.#options;
    const events = await client.events({ type: ["image"] }, signal);
    await onImages();
    const follow = async () => {
      for await (const _ of events) await onImages();
    };
    follow().catch((err: unknown) => {
      if (!signal.aborted) logger.debug({ err }, "events of Docker's images ended");
    });
  }

  async #lookAtAll(): Promise<void> {
    const summaries = await this.#options.client.containers(oursFilter);
    const all = (await Promise.all(summaries.map(({ Id }) => this.#details(Id)))).filter(
      (details) => details !== undefined,
    );
    await this.#options.onConnected(all);
    const ids = new Set(all.map(({ Id }) => Id));
    for (const details of all) {
      using _ = await this.#turns.acquire(details.Id);
      await this.#take(details.Id, details);
    }
    for (const id of this.#found.keys()) if (!ids.has(id)) await this.#take(id, undefined);
  }

  async #details(id: string): Promise<ContainerDetails | undefined> {
    try {
      return await this.#options.client.container(id);
    } catch (error) {
      if (error instanceof DockerError && error.code === "NotFound") return undefined;
      throw error;
    }
  }

  async #take(id: string, details: ContainerDetails | undefined): Promise<void> {
    const { read, onChange, logger } = this.#options;
    const before = this.#found.get(id);
    if (details === undefined) {
      if (!this.#found.delete(id)) return;
      return onChange(before, undefined);
    }
    // It is shown from when it is whole.
    if (isUnfinished(details.Name)) return;
    const after = await read(details, before).catch((err: unknown) => {
      logger.error(
        { err, container: id },
        "what is kept of a container with it cannot be read; it is left alone",
      );
      return undefined;
    });
    if (after === undefined) return;
    this.#found.set(id, after);
    onChange(before, after);
  }
}
