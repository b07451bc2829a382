import { isDeepStrictEqual } from "node:util";
import type { Logger } from "../../../ground/logging/index.ts";
import { PodSandboxConfig, SecurityProfile_ProfileType } from "../../../ground/protocol/index.ts";
import { JoinedCalls, KeyLock, perObject } from "../../../ground/sync/index.ts";
import type { Handler } from "../../../services/runtime/index.ts";
import { EngineError, type PodResources, type Sandbox, type Sandboxes } from "../../engine/index.ts";
import { isOwned, type OtherPod, refuseTaken } from "../../ownedpods/index.ts";
import { needsPause } from "../../podnetwork/index.ts";
import type { ContainerLifecycle } from "../container/container-lifecycle.ts";
import { usableHandler } from "../handlers.ts";
import { latestOfPod } from "../records/latest-of-pod.ts";
import type { NotYetCreated } from "../records/record-store.ts";
import { newId, type SandboxRecord } from "../records/records.ts";
import { Retries } from "../records/retries.ts";
import { runSteps, type Step, UndoError, undoSteps } from "../records/steps.ts";
import type { PodServices } from "../services.ts";
import { stopUnreadableSandbox } from "../tasks/unreadable.ts";
import { newSeLinuxLevel } from "../volumes/se-linux-labels.ts";
import { inspectSandbox } from "./sandbox-inspect.ts";
import { sandboxPid } from "./sandbox-process.ts";
import { sandboxSpec } from "./sandbox-spec.ts";
import { type SandboxDraft, sandboxSteps } from "./sandbox-steps.ts";
import { sandboxView } from "./sandbox-view.ts";
import { podIdMappings } from "./user-namespaces.ts";

/**
 * Key of the lock under which pods with owners take their names and ports one after the other; never equal to
 * an id.
 */
const ownedTurn = "owned";

/** The life cycle of pod sandboxes: run, stop, remove. */
export class SandboxLifecycle implements Sandboxes {
  readonly #services: PodServices;
  readonly #containers: ContainerLifecycle;
  readonly #steps: readonly Step<SandboxDraft>[];
  readonly #runs = new JoinedCalls<string>();
  readonly #locks = new KeyLock();
  /** Ids of sandboxes being created, which no client knows yet. */
  readonly #making = new Set<string>();
  /** For lists, which are requested every second: the same object as long as the record is unchanged. */
  readonly #view = perObject(sandboxView);
  #finishing: Promise<void> = Promise.resolve();
  readonly #retries: Retries;
  #closed = false;

  constructor(services: PodServices, containers: ContainerLifecycle) {
    this.#services = services;
    this.#containers = containers;
    this.#retries = new Retries(services.logger);
    this.#steps = sandboxSteps(services);
  }

  run(config: PodSandboxConfig, handler: string, signal?: AbortSignal): Promise<string> {
    const request = JSON.stringify([handler, PodSandboxConfig.toJSON(config)]);
    return this.#runs.join(sandboxName(config), request, () => this.#runOnce(config, handler), signal);
  }

  async #runOnce(config: PodSandboxConfig, handler: string): Promise<string> {
    const usable = usableHandler(this.#services.handlers, handler);
    const resolvedHandler = usable.name;
    if (podIdMappings(config) !== undefined) this.#requireUserNamespaces(usable);
    await this.#requireSecurityProfile(config);
    const draft: NotYetCreated<SandboxRecord> = {
      id: newId(),
      config,
      handler,
      resolvedHandler,
      phase: "creating",
      ips: [],
      ...newSeLinuxLevel(this.#services),
    };
    const { id } = draft;
    this.#making.add(id);
    try {
      using _ = await this.#locks.acquire(id);
      using _making = this.#services.readyPod.making();
      const record = await this.#begin(draft);
      if (record.id !== id) return record.id;
      await this.#make(record);
      this.#services.observer("sandbox-made");
      this.#services.events.sandbox("create", id);
      this.#services.events.sandbox("start", id);
      return id;
    } finally {
      this.#making.delete(id);
    }
  }

  /**
   * Saves the record, or finds that of an existing sandbox. A kubelet's names and ports are assigned by the
   * scheduler; those of other pods are checked here.
   */
  async #begin(draft: NotYetCreated<SandboxRecord>): Promise<SandboxRecord> {
    using _turn = isOwned(draft) ? await this.#locks.acquire(ownedTurn) : undefined;
    const existing = this.#existing(draft.config, draft.handler);
    if (existing !== undefined) return existing;
    if (isOwned(draft)) await refuseTaken(draft.config, this.#others());
    // The record reaches the disk with the commit, before the response. After a power failure before that,
    // only network attachments remain without a record, which the next start removes.
    return await this.#services.sandboxes.create(
      draft,
      "withNext",
      latestOfPod(draft.config, this.#services),
    );
  }

  #others(): readonly OtherPod[] {
    return this.#services.sandboxes
      .list()
      .map(({ id, config, phase }) => ({ id, config, isOver: phase === "stopped" }));
  }

  #requireUserNamespaces({ name, features }: Handler): void {
    if (features.userNamespaces) return;
    const { userNamespaces: support } = this.#services;
    const why =
      support.kind === "unsupported"
        ? support.reason
        : `runtime handler ${name} does not support user namespaces`;
    throw new EngineError("FailedPrecondition", `cannot create a user namespace for the pod: ${why}`);
  }

  /** Also for a pod without a pause process, which would have no use for it. */
  async #requireSecurityProfile({ linux }: PodSandboxConfig): Promise<void> {
    const { profileType, ociRef = "" } = linux?.securityContext?.seccomp ?? {};
    if (profileType === SecurityProfile_ProfileType.OCI) await this.#services.securityProfiles.read(ociRef);
  }

  async #make(record: SandboxRecord): Promise<void> {
    const { observer } = this.#services;
    const logger = this.#services.logger.child({ sandbox: record.id });
    const draft: SandboxDraft = { record, ips: [] };
    try {
      await runSteps(this.#steps, draft, { observer, logger });
      this.#watchPause(record.id);
    } catch (error) {
      await this.#giveUp(record, error).catch((err: unknown) =>
        logger.error({ err }, "the record of a sandbox whose creation failed stays until the next start"),
      );
      throw error;
    } finally {
      draft.ready?.namespaces[Symbol.dispose]();
    }
  }

  /**
   * The sandbox that an earlier call created with this name, if it is ready and the request was the same: its
   * client missed the response. A different one is an error that says what to do.
   */
  #existing(config: PodSandboxConfig, handler: string): SandboxRecord | undefined {
    const found = this.#services.sandboxes.list().find((record) => haveSameName(record.config, config));
    if (found === undefined) return undefined;
    const existing = this.#services.usableSandboxes.checked(found);
    const same =
      existing.handler === handler &&
      isDeepStrictEqual(PodSandboxConfig.toJSON(existing.config), PodSandboxConfig.toJSON(config));
    if (existing.phase === "ready" && same) return existing;
    const why = existing.phase === "ready" ? "has another configuration" : "is not ready";
    throw new EngineError(
      "AlreadyExists",
      `pod sandbox ${existing.id} has the same name, namespace, uid and attempt, and ${why}; remove it, or use the next attempt`,
    );
  }

  /**
   * After a failed run: the steps are undone, so the record is deleted, too; if undoing failed, it stays so
   * that a removal can retry.
   */
  async #giveUp(record: SandboxRecord, error: unknown): Promise<void> {
    if (error instanceof UndoError) {
      await this.#services.sandboxes.save({ ...record, phase: "stopping" });
    } else {
      await this.#services.sandboxes.delete(record.id);
    }
  }

  async stop(idOrPrefix: string): Promise<void> {
    if (this.#services.sandboxes.findUnreadable(idOrPrefix) !== undefined) {
      using _ = await this.#locks.acquire(idOrPrefix);
      return this.#stopUnreadable(idOrPrefix);
    }
    const id = this.#services.sandboxes.match(idOrPrefix)?.id;
    if (id === undefined) return;
    using _ = await this.#locks.acquire(id);
    await this.#stopLocked(id);
  }

  async #stopLocked(id: string): Promise<void> {
    const { sandboxes, sandboxCgroups, observer, events } = this.#services;
    const record = sandboxes.find(id);
    if (record === undefined || record.phase === "stopped") return;
    // Recorded first, so that no container is created or started in it from here on, and a restarted daemon
    // continues from here. After a power failure, the pod is not ready in any case.
    if (record.phase !== "stopping") await this.#recordStopping(record);
    observer("sandbox-stop");
    await this.#containers.stopAll(id);
    await sandboxCgroups.remove(record);
    await undoSteps(this.#steps, { record, ips: [] }, observer);
    observer("sandbox-stopped");
    await sandboxes.save({ ...record, phase: "stopped" });
    events.sandbox("exit", id);
  }

  /** The containers must be stopped even if it cannot be recorded. */
  async #recordStopping(record: SandboxRecord): Promise<void> {
    try {
      await this.#services.sandboxes.save({ ...record, phase: "stopping" }, "withNext");
    } catch (error) {
      await this.#containers
        .stopAll(record.id)
        .catch((err: unknown) =>
          this.#services.logger.error({ err, sandbox: record.id }, "stopping its containers failed, too"),
        );
      throw error;
    }
  }

  async #stopUnreadable(id: string): Promise<void> {
    await this.#containers.stopAll(id);
    await stopUnreadableSandbox(id, this.#services);
  }

  async remove(idOrPrefix: string): Promise<void> {
    if (this.#services.sandboxes.findUnreadable(idOrPrefix) !== undefined) {
      using _ = await this.#locks.acquire(idOrPrefix);
      await this.#stopUnreadable(idOrPrefix);
      await this.#containers.removeAll(idOrPrefix);
      return this.#services.sandboxes.delete(idOrPrefix);
    }
    const id = this.#services.sandboxes.match(idOrPrefix)?.id;
    if (id === undefined) return;
    using _ = await this.#locks.acquire(id);
    await this.#stopLocked(id);
    await this.#containers.removeAll(id);
    const last = this.#services.sandboxes.find(id);
    if (last === undefined) return;
    this.#services.observer("sandbox-delete");
    await this.#services.sandboxes.delete(id);
    this.#services.events.sandboxDeleted(last);
  }

  /** Starts nothing new on its own, and resolves when no sandbox is being created. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#retries[Symbol.dispose]();
    this.#services.usableSandboxes[Symbol.dispose]();
    await Promise.all([this.#runs.settled(), this.#finishing]);
  }

  async update(idOrPrefix: string, resources: PodResources): Promise<void> {
    const { sandboxes, usableSandboxes } = this.#services;
    const { id } = sandboxes.get(idOrPrefix);
    using _ = await this.#locks.acquire(id);
    const record = usableSandboxes.get(id);
    await sandboxes.save({ ...record, resources: { ...record.resources, ...resources } });
  }

  get(id: string): Sandbox {
    const { sandboxes, usableSandboxes } = this.#services;
    return sandboxView(usableSandboxes.checked(sandboxes.get(id)));
  }

  list(): readonly Sandbox[] {
    return this.#services.sandboxes
      .list()
      .filter(({ id }) => !this.#making.has(id))
      .map(this.#view);
  }

  inspect(id: string): Promise<Readonly<Record<string, unknown>>> {
    return inspectSandbox(this.#services.sandboxes.get(id), this.#services);
  }

  /**
   * The OCI specification of its pause process, or the one that it would have. Throws EngineError NotFound.
   */
  spec(id: string): Promise<object> {
    return sandboxSpec(this.#services.sandboxes.get(id), this.#services);
  }

  /**
   * The pid of a process in it, for its namespaces; 0 while nothing runs in it, undefined if it is not ready.
   * Takes complete ids.
   */
  pid(id: string): number | undefined {
    const { sandboxes } = this.#services;
    return sandboxes.find(id)?.phase === "ready" ? sandboxPid(id, this.#services) : undefined;
  }

  /**
   * Recovers the sandboxes after a restart of the daemon: undoes interrupted creations, and marks those not
   * ready that have lost their namespaces, as with a restart of the machine. These are torn down in the
   * background, since they may be all pods. One that cannot be recovered must not affect the others, and is
   * tried again later.
   */
  async recover(): Promise<void> {
    const ids = this.#services.sandboxes.list().map(({ id }) => id);
    await Promise.all(
      ids.map((sandbox) =>
        this.#retries.run("recovering the sandbox", { sandbox }, () => this.#recoverOne(sandbox)),
      ),
    );
    this.#finishing = this.#finish().catch((err: unknown) =>
      this.#services.logger.error({ err }, "continuing an interrupted teardown failed"),
    );
  }

  async #recoverOne(id: string): Promise<void> {
    using _ = await this.#locks.acquire(id);
    const record = this.#services.sandboxes.find(id);
    if (record === undefined) return;
    const logger = this.#services.logger.child({ sandbox: id });
    if (record.phase === "creating") await this.#undoCut(record, logger);
    if (record.phase !== "ready") return;
    const loss = await this.#lossMeanwhile(record);
    if (loss === undefined) return this.#watchPause(id);
    logger.warn(`the sandbox is not ready: ${loss} (was the machine restarted?)`);
    await this.#services.sandboxes.save({ ...record, phase: "stopping" });
    this.#services.events.sandbox("exit", id);
  }

  /** Its pause process is known afterwards. */
  async #lossMeanwhile(record: SandboxRecord): Promise<string | undefined> {
    const { usableSandboxes, pauses } = this.#services;
    const loss = usableSandboxes.loss(record);
    if (loss !== undefined || !needsPause(record.config) || (await pauses.attach(record))) return loss;
    return "its pause process has ended";
  }

  async #undoCut(record: SandboxRecord, logger: Logger): Promise<void> {
    logger.warn("the sandbox was being created when the daemon ended: rolling back");
    const undone = undoSteps(this.#steps, { record, ips: [] }, this.#services.observer);
    const error = await undone.catch((error: unknown) => error);
    await this.#giveUp(record, error);
    if (error !== undefined)
      logger.error({ err: error }, "rolling it back failed; it stays until it is removed");
  }

  /**
   * Stops those whose stop was interrupted, one after the other, and detaches those without a record from
   * their networks.
   */
  async #finish(): Promise<void> {
    const { sandboxes, network, logger } = this.#services;
    const finish = async (id: string, work: () => Promise<void>) => {
      if (this.#closed) return;
      await work().catch((err: unknown) =>
        logger.error({ err, sandbox: id }, "teardown of the sandbox failed; removing it will retry"),
      );
    };
    for (const { id, phase } of sandboxes.list())
      if (phase === "stopping") await finish(id, () => this.stop(id));
    for (const id of await network.attachments())
      if (!sandboxes.isKnown(id)) await finish(id, () => network.detach(id));
  }

  /** Without its first process, a PID namespace is unusable, and so is the pod that shares it. */
  #watchPause(id: string): void {
    const pause = this.#services.pauses.get(id);
    if (pause === undefined) return;
    void this.#retries.run("recording the exit of a pause process", { sandbox: id }, async () => {
      await pause.wait();
      await this.#pauseEnded(id);
    });
  }

  /**
   * The rest of the pod is torn down when it is stopped, as a kubelet does with a sandbox that is not ready.
   */
  async #pauseEnded(id: string): Promise<void> {
    using _ = await this.#locks.acquire(id);
    const record = this.#services.sandboxes.find(id);
    if (record?.phase !== "ready") return;
    this.#services.logger.warn({ sandbox: id }, "the sandbox's pause process has exited: it is not ready");
    await this.#services.sandboxes.save({ ...record, phase: "stopping" });
    this.#services.events.sandbox("exit", id);
  }
}

/** Without making texts, as it is asked of every sandbox. */
function haveSameName({ metadata: one }: PodSandboxConfig, { metadata: other }: PodSandboxConfig): boolean {
  return (
    one?.name === other?.name &&
    one?.namespace === other?.namespace &&
    one?.uid === other?.uid &&
    one?.attempt === other?.attempt
  );
}

/** A sandbox is identified by its metadata, as in containerd and CRI-O. */
function sandboxName(config: PodSandboxConfig): string {
  const { name, namespace, uid, attempt } = config.metadata ?? {
    name: "",
    namespace: "",
    uid: "",
    attempt: 0,
  };
  return JSON.stringify([name, namespace, uid, attempt]);
}
