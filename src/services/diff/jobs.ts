import type { LayerOptions, LayerSource } from "../../parts/layerdiff/index.ts";

/** Writes a layer to a file that is there and empty. */
export type DiffJob = {
  readonly path: string;
  readonly source: LayerSource;
  readonly options: LayerOptions;
};
