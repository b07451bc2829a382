import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { readIfThere } from "../../../ground/fs/index.ts";
import type { CgroupLayout } from "../../../ground/linux/index.ts";
import type { Logger } from "../../../ground/logging/index.ts";
import { KeyLock } from "../../../ground/sync/index.ts";
import {
  type CgroupDriver,
  containerCgroup,
  makeEmptyCgroup,
  removeEmptyCgroup,
  type Task,
} from "../../../services/runtime/index.ts";
import { needsPause, sharesHostNetwork } from "../../podnetwork/index.ts";
import { sandboxPaths } from "../paths.ts";
import type { PodEvents } from "../pod-events.ts";
import type { RecordStore } from "../records/record-store.ts";
import type { SandboxRecord } from "../records/records.ts";
import { type PodTaskSources, sandboxTask } from "./sandbox-process.ts";

type Services = PodTaskSources & {
  readonly cgroupDriver: CgroupDriver;
  readonly events: PodEvents;
  readonly logger: Logger;
  readonly sandboxes: RecordStore<SandboxRecord>;
  readonly stateDir: string;
};

const retryMs = 1000;

/**
 * Cgroups that are named for pods, for programs that find the network of a pod by its pause process's
 * cgroup, such as the cAdvisor in a kubelet: it asks containerd's API for the process behind a new cgroup's
 * name, once, and reads that process's network for as long as the cgroup is there. Most pods have no pause
 * process, so that of a container stands for it ({@link sandboxTask}). When that one ends the cgroup is
 * removed, and made anew for the next; so whoever looks asks again. Nothing runs in it.
 *
 * A pod in the machine's network has none, nor one without a cgroup of its own. Where it is, is noted in the
 * state directory, for when the pod's record cannot be read.
 */
export class SandboxCgroups {
  readonly #services: Services;
  readonly #layout: CgroupLayout;
  readonly #locks = new KeyLock();
  /** The container that stands for the pod, by the pod. */
  readonly #shown = new Map<string, string>();
  readonly #closed = new AbortController();
  #following: Promise<void> = Promise.resolve();

  constructor(services: Services, layout: CgroupLayout) {
    this.#services = services;
    this.#layout = layout;
  }

  /** Creates the cgroups of running pods, and follows starts and ends of containers. */
  start(): void {
    this.#following = this.#follow();
  }

  /** One that falls behind listens anew, and takes up what it has missed. */
  async #follow(): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      try {
        await Promise.all([this.#listen(), this.#takeUp()]);
      } catch (err) {
        if (signal.aborted) return;
        this.#services.logger.warn({ err }, "following the cgroups of pods failed; it is begun anew");
        await delay(retryMs, undefined, { signal, ref: false }).catch(() => undefined);
      }
    }
  }

  async #listen(): Promise<void> {
    for await (const { kind, id, sandboxId } of this.#services.events.changes(this.#closed.signal))
      if (id !== sandboxId && (kind === "started" || kind === "stopped")) await this.#update(sandboxId);
  }

  /** Which containers the last daemon's cgroups stood for is unknown: they are recreated. */
  async #takeUp(): Promise<void> {
    for (const { id } of this.#services.sandboxes.list()) await this.#update(id, { anew: true });
  }

  async #update(id: string, { anew = false } = {}): Promise<void> {
    using _ = await this.#locks.acquire(id);
    const record = this.#services.sandboxes.find(id);
    if (record === undefined) return;
    const shown = this.#shown.get(id);
    const task = record.phase === "ready" ? sandboxTask(id, this.#services) : undefined;
    if (shown === task?.id && !(anew && shown === undefined)) return;
    try {
      await this.#removeOf(record);
      await this.#make(record, task);
    } catch (err) {
      this.#services.logger.warn(
        { err, sandbox: id },
        "cannot recreate the pod's own cgroup: cAdvisor misses the pod's network",
      );
    }
  }

  async #make(record: SandboxRecord, task: Task | undefined): Promise<void> {
    const path = this.#pathOf(record);
    if (path === undefined || task === undefined) return;
    const { cgroupNote } = sandboxPaths(this.#services.stateDir, record.id);
    await mkdir(dirname(cgroupNote), { recursive: true, mode: 0o700 });
    // A truncated note would name the root cgroup.
    await writeFile(`${cgroupNote}.new`, path, { mode: 0o600 });
    await rename(`${cgroupNote}.new`, cgroupNote);
    await makeEmptyCgroup(this.#layout, path);
    this.#shown.set(record.id, task.id);
  }

  /** Once the pod's containers have ended. */
  async remove(record: SandboxRecord): Promise<void> {
    using _ = await this.#locks.acquire(record.id);
    await this.#removeOf(record);
  }

  async #removeOf(record: SandboxRecord): Promise<void> {
    const { id } = record;
    const path = this.#pathOf(record);
    this.#shown.delete(id);
    if (path === undefined) return;
    await removeEmptyCgroup(this.#layout, path);
    await rm(sandboxPaths(this.#services.stateDir, id).cgroupNote, { force: true });
  }

  /** For a pod of which only the id is known. */
  async removeNoted(id: string): Promise<void> {
    const { cgroupNote } = sandboxPaths(this.#services.stateDir, id);
    const path = await readIfThere(cgroupNote);
    if (path === undefined) return;
    await removeEmptyCgroup(this.#layout, path);
    await rm(cgroupNote, { force: true });
  }

  #pathOf({ id, config }: SandboxRecord): string | undefined {
    const parent = config.linux?.cgroupParent ?? "";
    if (parent === "" || needsPause(config) || sharesHostNetwork(config)) return undefined;
    return containerCgroup(this.#services.cgroupDriver, parent, id);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#following;
  }
}
