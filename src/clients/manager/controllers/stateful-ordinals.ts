import type { ManifestOf } from "../../manifests/index.ts";

type Set = ManifestOf<"StatefulSet">;

/** A pod that a set should have: its name, and its position among all, from 0. */
export type Place = { readonly name: string; readonly index: number };

/** The pods that a set should have. There may be too many of them for a list. */
export class StatefulOrdinals {
  readonly count: number;
  readonly #base: string;
  readonly #first: number;

  constructor({ metadata, spec }: Set) {
    this.count = spec.replicas ?? 1;
    this.#base = metadata.name;
    this.#first = spec.ordinals?.start ?? 0;
  }

  /** In order. */
  *places(): Generator<Place> {
    for (let index = 0; index < this.count; index++)
      yield { name: `${this.#base}-${this.#first + index}`, index };
  }

  /**
   * The position of the pod with this name, or with a claim of this name; undefined if there should be none.
   */
  indexOf(name: string): number | undefined {
    const index = ordinalOf(name) - this.#first;
    return index >= 0 && index < this.count ? index : undefined;
  }
}

/** The number at the end of the name of a pod or of its claim. */
export function ordinalOf(name: string): number {
  return Number(name.slice(name.lastIndexOf("-") + 1));
}
