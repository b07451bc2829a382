import { isAbsolute, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { hasCode, messageOf } from "../../ground/errors/index.ts";
import {
  ContainerConfig,
  type LinuxContainerResources,
  NamespaceMode,
  type PodSandboxConfig,
} from "../../ground/protocol/index.ts";
import { JoinedCalls, KeyLock } from "../../ground/sync/index.ts";
import { DockerError } from "../../parts/dockerapi/index.ts";
import type { Image, ImageCatalog } from "../../services/images/index.ts";
import { checkMemoryLimit } from "../../services/runtime/index.ts";
import {
  type Container,
  type ContainerRootfs,
  type Containers,
  EngineError,
  type ExecOutcome,
} from "../engine/index.ts";
import { isOwned, removeLog } from "../ownedpods/index.ts";
import { containerBody } from "./container-body.ts";
import { dockerResources } from "./docker-resources.ts";
import type { DockerServices } from "./docker-services.ts";
import { execSync } from "./exec.ts";
import { type FoundContainer, type FoundSandbox, hasEnded, isSandbox, isShown } from "./found.ts";
import { findById, getById } from "./ids.ts";
import { ImageUsers } from "./image-users.ts";
import { containerName } from "./names-and-labels.ts";
import { memoryDirectory } from "./process-facts.ts";
import { refuseInUpdate } from "./refused.ts";
import { createContainer, killContainer, orNotFound } from "./requests.ts";

const kind = "container";

/**
 * The life cycle of containers, which are Docker containers that join the namespaces of the sandbox's
 * container.
 */
export class DockerContainers implements Containers {
  readonly #services: DockerServices;
  readonly #images: Pick<ImageCatalog, "find">;
  readonly #imageUsers: ImageUsers;
  readonly #creates = new JoinedCalls<string>();
  readonly #locks = new KeyLock();
  /** Pids of first processes that have received the stop signal, by container id. */
  readonly #askedToStop = new Map<string, number>();
  #logDriver: "json-file" | "local" = "json-file";

  constructor(services: DockerServices, images: Pick<ImageCatalog, "find">) {
    this.#services = services;
    this.#images = images;
    this.#imageUsers = new ImageUsers(services.client);
  }

  create(
    sandboxId: string,
    config: ContainerConfig,
    sandboxConfig: PodSandboxConfig,
    signal?: AbortSignal,
  ): Promise<string> {
    const sandbox = this.#readySandbox(sandboxId);
    requirePrivileged(config, [sandboxConfig, sandbox.labels.config]);
    const name = containerName(config, sandbox.labels.config);
    const request = JSON.stringify(ContainerConfig.toJSON(config));
    return this.#creates.join(name, request, () => this.#createOnce(name, sandbox, config), signal);
  }

  async #createOnce(name: string, sandbox: FoundSandbox, config: ContainerConfig): Promise<string> {
    const { client, mirror, settings, hostPaths, abilities, observer, sandboxFiles } = this.#services;
    using _ = await this.#services.sandboxLocks.acquire(sandbox.id);
    // The sandbox may have been stopped while this call waited.
    this.#readySandbox(sandbox.id);
    const existing = this.#existing(sandbox, config);
    if (existing !== undefined) return existing;
    const reference = config.image?.image ?? "";
    if (isAbsolute(reference))
      throw new EngineError(
        "Unimplemented",
        "containers cannot be restored from checkpoints with the Docker engine",
      );
    const image = this.#image(reference);
    const { logDirectory } = sandbox.labels.config;
    const labels = {
      name,
      config,
      sandboxId: sandbox.id,
      imageId: image.id,
      imageRef: image.repoDigests[0] ?? image.id,
      logPath: logDirectory === "" || config.logPath === "" ? "" : join(logDirectory, config.logPath),
    };
    const options = {
      ...settings,
      client,
      ...(await abilities()),
      imageUser: image.config.config.user,
      imageUsers: () => this.#imageUsers.of(image.id),
      imageIdOf: (other: string) => this.#image(other).id,
      targetIdOf: (other: string) => this.#runningTarget(other, sandbox.id),
      podFiles: sandboxFiles.shown(sandbox.details),
    };
    const body = () =>
      containerBody(sandbox, labels, { ...options, logDriver: this.#logDriver }, hostPaths.of(sandbox.id));
    const create = async () => createContainer(client, name, await body());
    observer("container-create");
    const id = await create().catch(async (error: unknown) => {
      if (hasCode(error, "AlreadyExists")) return await this.#adoptExisting(name, sandbox, config, error);
      if (this.#logDriver === "local" || !wantsBuffer(error)) throw error;
      this.#logDriver = "local";
      return create();
    });
    await mirror.refresh(id, isShown);
    observer("container-made");
    return id;
  }

  /**
   * Docker already has a container of that name. It may come from an earlier call whose inspection failed
   * after Docker had created the container.
   */
  async #adoptExisting(
    name: string,
    sandbox: FoundSandbox,
    config: ContainerConfig,
    conflict: unknown,
  ): Promise<string> {
    const { client, mirror } = this.#services;
    const holder = await orNotFound(client.container(name));
    // It was removed in the meantime.
    if (holder === undefined) throw conflict;
    await mirror.refresh(holder.Id);
    const existing = this.#existing(sandbox, config);
    if (existing === undefined) throw conflict;
    return existing;
  }

  /** Returns the container whose PID namespace is joined. It must be running, and in the same pod. */
  #runningTarget(idOrPrefix: string, sandboxId: string): string {
    const { id, labels, view } = this.#found(idOrPrefix);
    if (labels.sandboxId === sandboxId && view.state.kind === "running") return id;
    throw new EngineError(
      "FailedPrecondition",
      `container ${id}, whose PID namespace was requested, is not running in the same pod sandbox`,
    );
  }

  #image(reference: string): Image {
    const image = this.#images.find(reference);
    if (image !== undefined) return image;
    throw new EngineError("NotFound", `image ${JSON.stringify(reference)} not found; pull it first`);
  }

  #existing(sandbox: FoundSandbox, config: ContainerConfig): string | undefined {
    const { name, attempt } = config.metadata ?? { name: "", attempt: 0 };
    const existing = this.#ofSandbox(sandbox.id).find(
      ({ labels: { config: other } }) => other.metadata?.name === name && other.metadata.attempt === attempt,
    );
    if (existing === undefined) return undefined;
    const { labels, view } = existing;
    const same = isDeepStrictEqual(ContainerConfig.toJSON(labels.config), ContainerConfig.toJSON(config));
    if (view.state.kind === "created" && same) return existing.id;
    const why = same ? `is ${view.state.kind}` : "has another configuration";
    throw new EngineError(
      "AlreadyExists",
      `container ${existing.id} of this pod has the same name and attempt, and ${why}; remove it, or use the next attempt`,
    );
  }

  #readySandbox(idOrPrefix: string): FoundSandbox {
    const sandbox = getById(this.#services.mirror.sandboxes(), "pod sandbox", idOrPrefix);
    if (sandbox.view.state === "ready") return sandbox;
    throw new EngineError(
      "FailedPrecondition",
      `pod sandbox ${sandbox.id} is not ready; containers need a running sandbox`,
    );
  }

  async start(idOrPrefix: string, signal?: AbortSignal): Promise<void> {
    const { id } = this.#found(idOrPrefix);
    using _ = await this.#locks.acquire(id, signal);
    const { client, mirror, logs, observer } = this.#services;
    const container = this.#found(id);
    const { state } = container.view;
    if (state.kind === "running") return;
    this.#readySandbox(container.labels.sandboxId);
    if (state.kind !== "created") {
      throw new EngineError(
        "FailedPrecondition",
        `container ${id} is ${state.kind}; only a created container that has not been started yet can be started`,
      );
    }
    await logs.prepare(container);
    try {
      await mirror.change(id, async () => {
        // The client may be gone by now. The container is started all the same, and the client's retry finds
        // it running.
        observer("container-start");
        await client.startContainer(id);
        observer("container-started");
      });
    } catch (cause) {
      throw await this.#startFailure(container, cause);
    }
  }

  /**
   * The cause is Docker's error, unless the namespaces to join disappeared in the meantime, with the sandbox
   * or the target container.
   */
  async #startFailure({ id, labels }: FoundContainer, cause: unknown): Promise<unknown> {
    const sandbox = await this.#services.mirror.refresh(labels.sandboxId);
    if (sandbox === undefined || !isSandbox(sandbox) || sandbox.view.state !== "ready") {
      return new EngineError(
        "FailedPrecondition",
        `container ${id} cannot be started: pod sandbox ${labels.sandboxId} was stopped meanwhile`,
        { cause },
      );
    }
    const namespaces = labels.config.linux?.securityContext?.namespaceOptions;
    try {
      if (namespaces?.pid === NamespaceMode.TARGET) this.#runningTarget(namespaces.targetId, sandbox.id);
      return this.#programFailure(id, cause);
    } catch (error) {
      return error;
    }
  }

  /**
   * Adds a shell's exit code if Docker reports one: 127 for a missing program, 126 for one that cannot be
   * executed.
   */
  #programFailure(id: string, cause: unknown): unknown {
    const { state } = this.#found(id).view;
    if (!(cause instanceof DockerError) || state.kind !== "exited") return cause;
    const { exitCode } = state;
    if (exitCode !== 126 && exitCode !== 127) return cause;
    return new EngineError(cause.code, cause.message, { cause: cause.cause, commandStatus: exitCode });
  }

  async update(idOrPrefix: string, resources: LinuxContainerResources): Promise<void> {
    const { client, mirror, cgroups } = this.#services;
    const { id } = this.#found(idOrPrefix);
    using _ = await this.#locks.acquire(id);
    const { view, details } = this.#found(id);
    if (view.state.kind === "exited") {
      throw new EngineError(
        "FailedPrecondition",
        `container ${id} has exited and cannot be started again: its resources cannot be updated`,
      );
    }
    refuseInUpdate(resources, view.config.linux?.resources);
    const limits = dockerResources(resources);
    // Checked here because what Docker does with a limit below the current usage depends on the cgroup
    // version: it reports an error, or the kernel kills processes.
    await checkMemoryLimit(await memoryDirectory(cgroups, details.State.Pid), limits.Memory);
    await client.updateContainer(id, limits);
    await mirror.refresh(id);
  }

  async stop(idOrPrefix: string, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const { mirror } = this.#services;
    const found = findById(mirror.containers(), kind, idOrPrefix);
    if (found === undefined) return;
    // Wait for a start that is in progress, which must not outlive the stop.
    (await this.#locks.acquire(found.id, signal))[Symbol.dispose]();
    if (!this.#isRunning(found.id)) return;
    // Without a grace period it is killed at once: sending the stop signal first would only take time.
    if (timeoutMs === 0)
      return void (await mirror.change(found.id, () => killContainer(this.#services.client, found.id)));
    const { Pid } = this.#found(found.id).details.State;
    const isAsked = this.#askedToStop.get(found.id) === Pid;
    await orNotFound(
      isAsked
        ? this.#waitOrKill(found.id, timeoutMs, signal)
        : this.#askToStop(found.id, Pid, timeoutMs, signal),
    );
    await mirror.refresh(found.id, hasEnded);
    this.#askedToStop.delete(found.id);
  }

  async #askToStop(id: string, pid: number, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    this.#askedToStop.set(id, pid);
    try {
      await this.#services.client.stopContainer(id, timeoutMs, signal);
    } catch (error) {
      // The stop signal may not have been sent, unless it was only our client that gave up.
      if (!signal?.aborted) this.#askedToStop.delete(id);
      throw error;
    }
  }

  /**
   * Waits here instead of in Docker, which would send the stop signal again; some programs take a second
   * signal as a request to hurry.
   */
  async #waitOrKill(id: string, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const over = AbortSignal.timeout(timeoutMs);
    const ending = signal === undefined ? over : AbortSignal.any([over, signal]);
    try {
      await this.#services.client.waitForContainer(id, ending);
    } catch (error) {
      signal?.throwIfAborted();
      if (!over.aborted) throw error;
      await killContainer(this.#services.client, id);
      await this.#services.client.waitForContainer(id, signal);
    }
  }

  async remove(idOrPrefix: string): Promise<void> {
    const { client, mirror, logs, hostPaths, observer, removed } = this.#services;
    const found = findById(mirror.containers(), kind, idOrPrefix);
    if (found === undefined) return;
    await this.stop(found.id, 0);
    using _ = await this.#locks.acquire(found.id);
    await mirror.remove(found.id, async () => {
      observer("container-delete");
      // The log first: once the container is gone, no retry would remove the log.
      await logs.forget(found.id);
      if (isOwned(found.labels)) await removeLog(found.view, { hostPaths });
      await removed.during(found.details, () => orNotFound(client.removeContainer(found.id)));
      this.#askedToStop.delete(found.id);
    });
  }

  /** Cleans up after a container that somebody else removed. */
  removed({ id }: FoundContainer): void {
    this.#askedToStop.delete(id);
    void this.#services.logs.forget(id);
  }

  /**
   * Kills all containers of a sandbox without a grace period, which they have had, and removes them if
   * `remove` is set.
   */
  async endAll(sandboxId: string, remove: boolean): Promise<void> {
    await Promise.all(
      this.#ofSandbox(sandboxId).map(({ id }) => (remove ? this.remove(id) : this.stop(id, 0))),
    );
  }

  get(idOrPrefix: string): Container {
    return this.#found(idOrPrefix).view;
  }

  list(): readonly Container[] {
    return this.#services.mirror.containers().map(({ view }) => view);
  }

  /** There is nothing to prepare for a command in Docker. */
  expectExec(): void {}

  async execSync(
    id: string,
    args: readonly string[],
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<ExecOutcome> {
    return await execSync(this.#services.execs, this.#running(id), { args, timeoutMs }, signal);
  }

  async reopenLog(id: string): Promise<void> {
    await this.#services.logs.reopen(this.#running(id).id);
  }

  async withRootfs<T>(
    _id: string,
    _options: { readonly pause: boolean },
    _use: (rootfs: ContainerRootfs, stopped: AbortSignal) => Promise<T>,
  ): Promise<T> {
    throw new EngineError("Unimplemented", "use `docker commit` or `docker export` with the Docker engine");
  }

  async inspect(id: string): Promise<Readonly<Record<string, unknown>>> {
    const { details, labels } = this.#found(id);
    return {
      sandboxID: labels.sandboxId,
      pid: details.State.Pid,
      dockerName: details.Name.slice(1),
      docker: details,
    };
  }

  async close(): Promise<void> {
    await this.#creates.settled();
  }

  #found(idOrPrefix: string): FoundContainer {
    return getById(this.#services.mirror.containers(), kind, idOrPrefix);
  }

  #running(idOrPrefix: string): FoundContainer {
    const found = this.#found(idOrPrefix);
    if (found.view.state.kind === "running") return found;
    throw new EngineError(
      "FailedPrecondition",
      `container ${found.id} is not running (${found.view.state.kind})`,
    );
  }

  #isRunning(id: string): boolean {
    return findById(this.#services.mirror.containers(), kind, id)?.view.state.kind === "running";
  }

  #ofSandbox(sandboxId: string): readonly FoundContainer[] {
    return this.#services.mirror.containers().filter(({ labels }) => labels.sandboxId === sandboxId);
  }
}

/**
 * Docker merges the log options of its daemon.json into those of a container with the same driver. One of
 * these, a buffer size, is valid only for logs that drop output under pressure, so Docker rejects it for a
 * pod's logs, which must not drop any.
 */
function wantsBuffer(error: unknown): boolean {
  return hasCode(error, "InvalidArgument") && messageOf(error).includes("max-buffer-size");
}

/** A privileged container needs a privileged pod. */
function requirePrivileged(config: ContainerConfig, pods: readonly PodSandboxConfig[]): void {
  if (config.linux?.securityContext?.privileged !== true) return;
  if (pods.some(({ linux }) => linux?.securityContext?.privileged === true)) return;
  throw new EngineError("InvalidArgument", "a privileged container needs a privileged pod sandbox");
}
