import { isDeepStrictEqual } from "node:util";
import { hasCode } from "../../ground/errors/index.ts";
import { processStartTime } from "../../ground/linux/index.ts";
import { PodSandboxConfig } from "../../ground/protocol/index.ts";
import { JoinedCalls, KeyLock } from "../../ground/sync/index.ts";
import { type ContainerSummary, DockerError, type NewContainer } from "../../parts/dockerapi/index.ts";
import { EngineError, type Sandbox, type Sandboxes } from "../engine/index.ts";
import { isOwned, type OtherPod, refuseTaken } from "../ownedpods/index.ts";
import type { DockerServices } from "./docker-services.ts";
import { type FoundSandbox, hasEnded, isRunning } from "./found.ts";
import { HalfMade } from "./half-made.ts";
import { findById, getById } from "./ids.ts";
import { sandboxName } from "./names-and-labels.ts";
import { PauseImage } from "./pause-image.ts";
import { createContainer, killContainer, orNotFound } from "./requests.ts";
import { sandboxBody } from "./sandbox-body.ts";
import { connectSandbox, detachPod, detachSandbox } from "./sandbox-network.ts";

/** The life cycle of pod sandboxes: Docker containers that only pause, and that have a network. */
export class DockerSandboxes implements Sandboxes {
  readonly #services: DockerServices;
  readonly #pause: PauseImage;
  readonly #halfMade: HalfMade;
  readonly #runs = new JoinedCalls<string>();
  /** Sandboxes that are being created, by name. The id is "" until Docker has returned it. */
  readonly #making = new Map<string, { readonly id: string; readonly config: PodSandboxConfig }>();
  readonly #turns = new KeyLock();
  readonly #endContainers: (sandboxId: string, remove: boolean) => Promise<void>;

  /** `endContainers` stops or removes the containers of a sandbox. */
  constructor(
    services: DockerServices,
    endContainers: (sandboxId: string, remove: boolean) => Promise<void>,
  ) {
    this.#services = services;
    this.#endContainers = endContainers;
    const { pauseProgram: program, sandboxImage: configured } = services;
    this.#halfMade = new HalfMade(services);
    this.#pause = new PauseImage(services.client, { program, configured });
  }

  run(config: PodSandboxConfig, handler: string, signal?: AbortSignal): Promise<string> {
    const request = JSON.stringify([handler, PodSandboxConfig.toJSON(config)]);
    return this.#runs.join(sandboxName(config), request, () => this.#runOnce(config, handler), signal);
  }

  async #runOnce(config: PodSandboxConfig, handler: string): Promise<string> {
    const { mirror, info, logger } = this.#services;
    const existing = this.#existing(config, handler);
    if (existing !== undefined) return existing;
    const runtimes = Object.keys((await info()).Runtimes);
    if (handler !== "" && !runtimes.includes(handler)) {
      throw new EngineError(
        "InvalidArgument",
        `runtime handler ${JSON.stringify(handler)} is not one of Docker's runtimes, which are ${runtimes.join(", ")}`,
      );
    }
    const name = sandboxName(config);
    const connection = mirror.connection();
    using _making = await this.#begin(name, config);
    const id = await this.#create(config, handler);
    this.#making.set(name, { id, config });
    try {
      await this.#finish(id, config, connection);
    } catch (error) {
      await this.#halfMade
        .takeDown(id, name)
        .catch((err: unknown) =>
          logger.error(
            { err, sandbox: id },
            "a sandbox that could not be created could not be removed either; the next try or start removes it",
          ),
        );
      throw error;
    }
    return id;
  }

  async #finish(id: string, config: PodSandboxConfig, connection: AbortSignal): Promise<void> {
    const { client, mirror, observer, unfinished } = this.#services;
    const seen = { hasEnded: false };
    using _watched = mirror.watchUnfinished(id, () => {
      seen.hasEnded = true;
    });
    observer("sandbox-start");
    await client.startContainer(id).catch((error: unknown) => {
      throw startFailure(error);
    });
    const details = await client.container(id);
    try {
      await connectSandbox(this.#services, config, details);
      // If the engine went away in the meantime, its containers may have ended with it, even if it is back.
      connection.throwIfAborted();
    } catch (cause) {
      // The event of its end may come later.
      const isAlive = (await processStartTime(details.State.Pid)) !== undefined;
      throw isAlive ? cause : endedMeanwhile(id, cause);
    }
    if (seen.hasEnded) throw endedMeanwhile(id);
    observer("sandbox-commit");
    unfinished.delete(sandboxName(config));
    observer("sandbox-made");
    await mirror.show(details);
  }

  /**
   * For pods that no kubelet has scheduled, checks that no other pod has their name or ports. The pod counts
   * as being created until the result is disposed.
   */
  async #begin(name: string, config: PodSandboxConfig): Promise<Disposable> {
    using _ = isOwned({ config }) ? await this.#turns.acquire("owned") : undefined;
    if (isOwned({ config })) await refuseTaken(config, this.#others());
    this.#making.set(name, { id: "", config });
    return { [Symbol.dispose]: () => void this.#making.delete(name) };
  }

  #others(): readonly OtherPod[] {
    const made = this.list().map(({ id, config, state }) => ({ id, config, isOver: state !== "ready" }));
    return [...made, ...[...this.#making.values()].map((pod) => ({ ...pod, isOver: false }))];
  }

  #existing(config: PodSandboxConfig, handler: string): string | undefined {
    const name = sandboxName(config);
    const existing = this.#services.mirror
      .sandboxes()
      .find(({ labels }) => sandboxName(labels.config) === name);
    if (existing === undefined) return undefined;
    const { labels, view } = existing;
    const same =
      labels.handler === handler &&
      isDeepStrictEqual(PodSandboxConfig.toJSON(labels.config), PodSandboxConfig.toJSON(config));
    if (view.state === "ready" && same) return existing.id;
    const why = view.state === "ready" ? "has another configuration" : "is not ready";
    throw new EngineError(
      "AlreadyExists",
      `pod sandbox ${existing.id} has the same name, namespace, uid and attempt, and ${why}; remove it, or use the next attempt`,
    );
  }

  /**
   * Creates the sandbox's container, after it was recorded as unfinished. Removes what an earlier,
   * interrupted attempt left.
   */
  async #create(config: PodSandboxConfig, handler: string): Promise<string> {
    const { hostPaths, settings, abilities, observer, unfinished } = this.#services;
    const name = sandboxName(config);
    const options = { ...settings, handler, ...(await abilities()) };
    const bodyOf = (image: string) => sandboxBody(config, { ...options, image }, hostPaths.of(name));
    await this.#halfMade.takeDownLeft(name);
    unfinished.add(name);
    observer("sandbox-create");
    try {
      return await this.#createFrom(name, async () => bodyOf(await this.#pause.ensure()));
    } catch (error) {
      // If Docker did not answer, the container may exist nevertheless.
      if (!hasCode(error, "Unavailable")) unfinished.delete(name);
      throw error;
    }
  }

  async #createFrom(name: string, body: () => Promise<NewContainer>): Promise<string> {
    const { client } = this.#services;
    const create = async () => await createContainer(client, name, await body());
    return await create().catch((error: unknown) => {
      if (!hasCode(error, "NotFound")) throw error;
      // The image was removed after it was found.
      this.#pause.forget();
      return create();
    });
  }

  async stop(idOrPrefix: string): Promise<void> {
    const found = findById(this.#services.mirror.sandboxes(), "pod sandbox", idOrPrefix);
    // Somebody may have removed the sandbox without its containers.
    if (found === undefined) return await this.#endContainers(idOrPrefix, false);
    using _ = await this.#services.sandboxLocks.acquire(found.id);
    await this.#stopLocked(found);
  }

  async #stopLocked(found: FoundSandbox): Promise<void> {
    const { id } = found;
    const { client, mirror, observer } = this.#services;
    observer("sandbox-stop");
    const end = async () => {
      observer("sandbox-end");
      if (!hasEnded(mirror.find(id))) await mirror.change(id, () => killContainer(client, id));
    };
    // All are killed anyway, so none has to wait for the others.
    await Promise.all([this.#endContainers(id, false), end()]);
    await detachPod(this.#services, found);
    observer("sandbox-stopped");
  }

  async remove(idOrPrefix: string): Promise<void> {
    const found = findById(this.#services.mirror.sandboxes(), "pod sandbox", idOrPrefix);
    if (found === undefined) return await this.#endContainers(idOrPrefix, true);
    using _ = await this.#services.sandboxLocks.acquire(found.id);
    await this.#stopLocked(found);
    await this.#endContainers(found.id, true);
    this.#services.observer("sandbox-delete");
    const { mirror, client, removed } = this.#services;
    const remove = () => orNotFound(client.removeContainer(found.id));
    await mirror.remove(found.id, () => removed.during(found.details, remove));
  }

  /**
   * Cleans up after a sandbox whose container somebody else removed. If that fails, the next connection tries
   * again.
   */
  removed(found: FoundSandbox): void {
    const { id } = found;
    const release = async () => {
      using _ = await this.#services.sandboxLocks.acquire(id);
      await detachPod(this.#services, found);
    };
    release().catch((err: unknown) => this.#notDetached(id, err));
  }

  #notDetached(sandbox: string, err: unknown): void {
    const { logger } = this.#services;
    logger.warn({ err, sandbox }, "the network of a sandbox that has exited could not be torn down");
  }

  async update(): Promise<void> {
    throw new EngineError(
      "Unimplemented",
      "UpdatePodSandboxResources: Docker's API keeps no resources of pods; the pod's cgroup is the kubelet's",
    );
  }

  get(id: string): Sandbox {
    return getById(this.#services.mirror.sandboxes(), "pod sandbox", id).view;
  }

  list(): readonly Sandbox[] {
    return this.#services.mirror.sandboxes().map(({ view }) => view);
  }

  async inspect(id: string): Promise<Readonly<Record<string, unknown>>> {
    const { details } = getById(this.#services.mirror.sandboxes(), "pod sandbox", id);
    const { State, Name } = details;
    return {
      pid: State.Pid,
      dockerName: Name.slice(1),
      netns: this.#services.sandboxFiles.networkNamespace(details),
      networks: await this.#services.network.describe(details.Id),
    };
  }

  /**
   * Removes sandboxes that a crash left unfinished, and the networks of sandboxes that ended while berthd was
   * not connected. `all` is the list of our containers in Docker.
   */
  async tidyUp(all: readonly ContainerSummary[]): Promise<void> {
    const { network, sandboxFiles } = this.#services;
    await this.#halfMade.tidyUp(all, (name) => this.#making.has(name));
    const alive = new Set(all.filter(isRunning).map(({ Id }) => Id));
    for (const { id } of this.#making.values()) alive.add(id);
    const attached = new Set([...(await network.attachments()), ...(await sandboxFiles.ids())]);
    for (const id of attached) {
      if (alive.has(id)) continue;
      await detachSandbox(this.#services, id).catch((err: unknown) => this.#notDetached(id, err));
    }
  }

  /** Resolves when no sandbox is being created. */
  async close(): Promise<void> {
    await this.#runs.settled();
  }
}

/** The kernel's refusal of a sysctl value is recognisable only in the OCI runtime's message. */
function startFailure(cause: unknown): unknown {
  if (!(cause instanceof DockerError) || !cause.message.includes("/proc/sys/")) return cause;
  return new EngineError("InvalidArgument", "a sysctl of the pod cannot be set", { cause });
}

/** Somebody has killed or removed its container, or memory ran out. */
function endedMeanwhile(id: string, cause?: unknown): EngineError {
  const ended = `the container of pod sandbox ${id} ended or was removed while the sandbox was being created`;
  return new EngineError("Unavailable", ended, { cause });
}
