import type { Container, Sandbox } from "../../engine/index.ts";
import { type CgroupDriver, containerCgroup, podCgroup } from "../../runtime/index.ts";

/** Where the cgroups of pods and containers lie in the hierarchies. */
export class PodCgroups {
  readonly #driver: CgroupDriver;
  readonly #parents: ReadonlyMap<string, string>;
  readonly #shared: ReadonlySet<string>;

  /** `sandboxes` are all that are ready. */
  constructor(driver: CgroupDriver, sandboxes: readonly Pick<Sandbox, "id" | "config">[]) {
    this.#driver = driver;
    this.#parents = new Map(sandboxes.map(({ id, config }) => [id, config.linux?.cgroupParent ?? ""]));
    const parents = [...this.#parents.values()];
    this.#shared = new Set(parents.filter((parent, index) => parents.indexOf(parent) !== index));
  }

  ofContainer({ id, sandboxId }: Pick<Container, "id" | "sandboxId">): string {
    return containerCgroup(this.#driver, this.#parents.get(sandboxId) ?? "", id);
  }

  /** Of the pod's pause process, where it has one. */
  ofPause(sandboxId: string): string {
    return this.ofContainer({ id: sandboxId, sandboxId });
  }

  /** The pod's own; undefined when its client gave it none, or one that it gave to another pod too: its figures are not this pod's then. */
  ofPod(sandboxId: string): string | undefined {
    const parent = this.#parents.get(sandboxId) ?? "";
    return this.#shared.has(parent) ? undefined : podCgroup(this.#driver, parent);
  }
}
