import { isDeepStrictEqual } from "node:util";
import { EngineError, type Sandbox, type Sandboxes } from "../engine/index.ts";
import { NamespaceMode, PodSandboxConfig } from "../protocol/index.ts";
import type { ContainerLifecycle } from "./container-lifecycle.ts";
import { usableHandler } from "./handlers.ts";
import { newId, nowNs } from "./ids.ts";
import { JoinedCalls } from "./joined-calls.ts";
import { KeyLock } from "./key-lock.ts";
import type { SandboxRecord } from "./records.ts";
import { inspectSandbox } from "./sandbox-inspect.ts";
import { namespaceOptions } from "./sandbox-namespaces.ts";
import { type SandboxDraft, sandboxSteps } from "./sandbox-steps.ts";
import { sandboxSurvival } from "./sandbox-survival.ts";
import { sandboxView } from "./sandbox-view.ts";
import type { PodServices } from "./services.ts";
import { runSteps, type Step, UndoError, undoSteps } from "./steps.ts";

/** The life of pod sandboxes: run, stop, remove. */
export class SandboxLifecycle implements Sandboxes {
  readonly #services: PodServices;
  readonly #containers: ContainerLifecycle;
  readonly #steps: readonly Step<SandboxDraft>[];
  readonly #runs = new JoinedCalls<string>();
  readonly #locks = new KeyLock();

  constructor(services: PodServices, containers: ContainerLifecycle) {
    this.#services = services;
    this.#containers = containers;
    this.#steps = sandboxSteps(services);
  }

  run(config: PodSandboxConfig, handler: string, signal?: AbortSignal): Promise<string> {
    return this.#runs.join(sandboxName(config), () => this.#runOnce(config, handler), signal);
  }

  async #runOnce(config: PodSandboxConfig, handler: string): Promise<string> {
    const resolvedHandler = usableHandler(this.#services.handlers, handler).name;
    refuseUserNamespace(config);
    const existing = await this.#existing(config, handler);
    if (existing !== undefined) return existing.id;
    const id = newId();
    await using _ = await this.#locks.acquire(id);
    const record: SandboxRecord = {
      id,
      config,
      handler,
      resolvedHandler,
      createdAtNs: nowNs(),
      phase: "creating",
      ips: [],
    };
    await this.#services.sandboxes.save(record);
    const draft: SandboxDraft = { record, ips: [] };
    try {
      await runSteps(
        this.#steps,
        draft,
        this.#services.observer,
        this.#services.logger.child({ sandbox: id }),
      );
    } catch (error) {
      await this.#giveUp(record, error);
      throw error;
    }
    await this.#services.sandboxes.save({ ...record, phase: "ready", ips: draft.ips });
    this.#services.events.publish("created", id, id);
    this.#services.events.publish("started", id, id);
    return id;
  }

  /**
   * The sandbox that an earlier call made under this name, if it is ready and was asked for in the same words: its client did not
   * hear the answer. One that stands in the way is an error that says how to get past it.
   */
  async #existing(config: PodSandboxConfig, handler: string): Promise<SandboxRecord | undefined> {
    const name = sandboxName(config);
    const existing = this.#services.sandboxes.list().find((record) => sandboxName(record.config) === name);
    if (existing === undefined) return undefined;
    const same =
      existing.handler === handler &&
      isDeepStrictEqual(PodSandboxConfig.toJSON(existing.config), PodSandboxConfig.toJSON(config));
    if (existing.phase === "ready" && same) return existing;
    const why = existing.phase === "ready" ? "has another configuration" : "is not ready";
    throw new EngineError(
      "AlreadyExists",
      `pod sandbox ${existing.id} has the same name, namespace, uid and attempt and ${why}; remove it, or ask for the next attempt`,
    );
  }

  /** After a failed run: the steps are undone, so the record goes too; unless undoing failed, then it stays for a later removal to try again. */
  async #giveUp(record: SandboxRecord, error: unknown): Promise<void> {
    if (error instanceof UndoError) {
      await this.#services.sandboxes.save({ ...record, phase: "stopped" });
    } else {
      await this.#services.sandboxes.delete(record.id);
    }
  }

  async stop(idOrPrefix: string): Promise<void> {
    const id = this.#services.sandboxes.match(idOrPrefix)?.id;
    if (id === undefined) return;
    await using _ = await this.#locks.acquire(id);
    await this.#stopLocked(id);
  }

  async #stopLocked(id: string): Promise<void> {
    const record = this.#services.sandboxes.find(id);
    if (record === undefined) return;
    // Said first, so that no container is made or started in it from here on.
    if (record.phase !== "stopped")
      await this.#services.sandboxes.save({ ...record, phase: "stopped", ips: record.ips });
    await this.#containers.stopAll(id);
    await undoSteps(this.#steps, { record, ips: [] });
    if (record.phase === "ready") this.#services.events.publish("stopped", id, id);
  }

  async remove(idOrPrefix: string): Promise<void> {
    const id = this.#services.sandboxes.match(idOrPrefix)?.id;
    if (id === undefined) return;
    await using _ = await this.#locks.acquire(id);
    await this.#stopLocked(id);
    await this.#containers.removeAll(id);
    if (this.#services.sandboxes.find(id) === undefined) return;
    await this.#services.sandboxes.delete(id);
    this.#services.events.publish("deleted", id, id);
  }

  /** Resolves when no sandbox is being made. */
  settled(): Promise<void> {
    return this.#runs.settled();
  }

  get(id: string): Sandbox {
    return sandboxView(this.#services.sandboxes.get(id));
  }

  list(): readonly Sandbox[] {
    return this.#services.sandboxes.list().map(sandboxView);
  }

  async inspect(id: string): Promise<Readonly<Record<string, unknown>>> {
    return inspectSandbox(this.#services.sandboxes.get(id), this.#services);
  }

  /**
   * Takes up the sandboxes after the daemon was away: undoes what was cut half-way, and finds those not ready whose namespaces went with the
   * machine's last run. Their networks are detached, so that no address is lost.
   */
  async recover(): Promise<void> {
    const survives = await sandboxSurvival(this.#services);
    await Promise.all(this.#services.sandboxes.list().map((record) => this.#recoverOne(record, survives)));
  }

  async #recoverOne(
    record: SandboxRecord,
    survives: (record: SandboxRecord) => Promise<boolean>,
  ): Promise<void> {
    await using _ = await this.#locks.acquire(record.id);
    const log = this.#services.logger.child({ sandbox: record.id });
    if (record.phase === "creating") {
      log.warn("the sandbox was being made when the daemon ended: undoing");
      return this.#undoCut(record);
    }
    if (record.phase === "ready" && !(await survives(record))) {
      log.warn("the sandbox's namespaces are gone (the machine was restarted): it is not ready");
      await this.#stopLocked(record.id);
    }
  }

  async #undoCut(record: SandboxRecord): Promise<void> {
    await undoSteps(this.#steps, { record, ips: [] }).then(
      () => this.#giveUp(record, undefined),
      (error: unknown) => {
        this.#services.logger.error(
          { sandbox: record.id, err: error },
          "undoing failed: the sandbox stays, not ready, until it is removed",
        );
        return this.#giveUp(record, error);
      },
    );
  }
}

/** Metadata is what makes a sandbox unique, as for the peers. */
function sandboxName(config: PodSandboxConfig): string {
  const { name, namespace, uid, attempt } = config.metadata ?? {
    name: "",
    namespace: "",
    uid: "",
    attempt: 0,
  };
  return JSON.stringify([name, namespace, uid, attempt]);
}

function refuseUserNamespace(config: PodSandboxConfig): void {
  const userns = namespaceOptions(config).usernsOptions;
  if (userns !== undefined && userns.mode !== NamespaceMode.NODE) {
    throw new EngineError(
      "Unimplemented",
      "linux.security_context.namespace_options.userns_options: user namespaces are not supported yet; use mode NODE",
    );
  }
}
