import { type CgroupDriver, containerCgroup, podCgroup } from "../../../services/runtime/index.ts";
import type { Container } from "../../engine/index.ts";
import type { SandboxRecord } from "../records/records.ts";

/** Paths of pods' and containers' cgroups in the hierarchies. */
export class PodCgroups {
  readonly #driver: CgroupDriver;
  readonly #parents: ReadonlyMap<string, string>;
  readonly #shared: ReadonlySet<string>;

  constructor(driver: CgroupDriver, sandboxes: readonly Pick<SandboxRecord, "id" | "config" | "phase">[]) {
    this.#driver = driver;
    this.#parents = new Map(sandboxes.map(({ id, config }) => [id, config.linux?.cgroupParent ?? ""]));
    const ready = sandboxes.filter(({ phase }) => phase === "ready");
    const byParent = Map.groupBy(ready, ({ id }) => this.#parents.get(id) ?? "");
    this.#shared = new Set([...byParent].flatMap(([parent, pods]) => (pods.length > 1 ? parent : [])));
  }

  ofContainer({ id, sandboxId }: Pick<Container, "id" | "sandboxId">): string {
    return containerCgroup(this.#driver, this.#parents.get(sandboxId) ?? "", id);
  }

  /** The cgroup of the pod's pause process, if it has one. */
  ofPause(sandboxId: string): string {
    return this.ofContainer({ id: sandboxId, sandboxId });
  }

  /**
   * The pod's own; undefined if its client gave it none, or one that another pod has, too, whose figures
   * would then be mixed in.
   */
  ofPod(sandboxId: string): string | undefined {
    const parent = this.#parents.get(sandboxId) ?? "";
    return this.#shared.has(parent) ? undefined : podCgroup(this.#driver, parent);
  }
}
