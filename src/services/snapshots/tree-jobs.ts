/** Work on whole trees, done in a worker thread. Paths are absolute. */
export type TreeJob =
  /** Copies what is in `from` into the empty directory `to`, and `from`'s own attributes. */
  | { readonly kind: "copy"; readonly from: string; readonly to: string }
  | { readonly kind: "usage"; readonly path: string }
  | { readonly kind: "delete"; readonly path: string }
  /** Gives directories of `upper` the attributes that the overlay of `lower`, nearest first, has there. */
  | {
      readonly kind: "inherit";
      readonly upper: string;
      readonly lower: readonly string[];
      readonly directories: readonly string[];
    };
