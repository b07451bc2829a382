import { statSync } from "node:fs";
import { isNamespacePin } from "../../../ground/linux/index.ts";
import type { Logger } from "../../../ground/logging/index.ts";
import { EngineError } from "../../engine/index.ts";
import type { PodEvents } from "../pod-events.ts";
import type { RecordStore } from "../records/record-store.ts";
import type { SandboxRecord } from "../records/records.ts";
import { Retries } from "../records/retries.ts";
import { type SandboxSurroundings, sandboxFacts } from "./sandbox-facts.ts";

type Services = SandboxSurroundings & {
  readonly sandboxes: RecordStore<SandboxRecord>;
  readonly events: Pick<PodEvents, "sandbox">;
  readonly logger: Logger;
};

/**
 * Sandboxes that containers can still be created and started in. The namespaces of a pod are kept by mounts,
 * which anybody with the right to may unmount; nothing tells of that. A sandbox that has lost one is recorded
 * as not ready when it is needed or looked at, so that a kubelet runs a new one.
 */
export class UsableSandboxes implements Disposable {
  readonly #services: Services;
  readonly #retries: Retries;
  /** Ids of those whose loss is being recorded. */
  readonly #recording = new Set<string>();

  constructor(services: Services) {
    this.#services = services;
    this.#retries = new Retries(services.logger);
  }

  /** Stops recording losses; the next daemon finds them. */
  [Symbol.dispose](): void {
    this.#retries[Symbol.dispose]();
  }

  /** Throws EngineError: NotFound; FailedPrecondition if nothing can be created or started in it. */
  get(idOrPrefix: string): SandboxRecord {
    const record = this.#services.sandboxes.get(idOrPrefix);
    const refuse = (why: string): never => {
      throw new EngineError("FailedPrecondition", `pod sandbox ${record.id} is not ready${why}`);
    };
    if (record.phase !== "ready") return refuse("; containers need a running sandbox");
    const loss = this.#noticed(record);
    return loss === undefined ? record : refuse(`: ${loss}; stop it, and run a new one`);
  }

  /** The record, not ready if something is missing that a container would need. */
  checked(record: SandboxRecord): SandboxRecord {
    const lost = record.phase === "ready" && this.#noticed(record) !== undefined;
    return lost ? { ...record, phase: "stopping" } : record;
  }

  /**
   * What is missing that a container of the sandbox would need. `root` is where its paths begin: that of a
   * process shows what is mounted in its mount namespace.
   */
  loss(record: SandboxRecord, root = ""): string | undefined {
    const { network, ipc, uts, user } = sandboxFacts(record, this.#services).namespaces;
    const unpinned = [network, ipc, uts, user].find(
      (path) => path !== undefined && !isNamespacePin(root + path),
    );
    if (unpinned !== undefined) return `no namespace is mounted at ${unpinned} any more`;
    const { hosts } = sandboxFacts(record, this.#services).files;
    // Throws any other error: that something cannot be looked at now does not mean that it is gone.
    return statSync(root + hosts, { throwIfNoEntry: false }) === undefined
      ? `${hosts} is missing`
      : undefined;
  }

  #noticed(record: SandboxRecord): string | undefined {
    const loss = this.loss(record);
    if (loss !== undefined) this.#record(record.id, loss);
    return loss;
  }

  /**
   * In the background, since lists and states are given at once. Without the sandbox's lock, which a stop
   * holds while it waits for a start that has come here: it changes a sandbox only if that is ready, and a
   * stop in progress has recorded that it is not.
   */
  #record(id: string, loss: string): void {
    const { sandboxes, events, logger } = this.#services;
    // While it cannot be recorded, a kubelet looks every second.
    if (this.#recording.has(id)) return;
    this.#recording.add(id);
    void this.#retries.run("recording that a sandbox is not ready", { sandbox: id }, async () => {
      const record = sandboxes.find(id);
      if (record?.phase === "ready") {
        logger.warn({ sandbox: id }, `the sandbox is not ready: ${loss}`);
        await sandboxes.save({ ...record, phase: "stopping" });
        events.sandbox("exit", id);
      }
      this.#recording.delete(id);
    });
  }
}
