import type { LayerOptions, LayerSource } from "../../parts/layerdiff/index.ts";

export type DiffJob = LayerJob | PipedJob;

/** Writes a layer to an existing, empty file. */
export type LayerJob = {
  readonly kind: "layer";
  readonly path: string;
  readonly source: LayerSource;
  readonly options: LayerOptions;
};

/** Writes a tree as an uncompressed archive, or the differences between two, to a pipe, which stays open. */
export type PipedJob = {
  readonly kind: "archive" | "changes";
  readonly fd: number;
  readonly source: TreesSource;
};

export type TreesSource = Extract<LayerSource, { readonly kind: "trees" }>;
