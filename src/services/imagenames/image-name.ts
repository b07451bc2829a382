import { BerthError } from "../../ground/errors/index.ts";
import type { Labels } from "../../ground/labels/index.ts";
import type { Descriptor } from "../../parts/oci/index.ts";

/** Times are nanoseconds since the epoch. */
export type ImageName = {
  /** Unique in its namespace. CRI's are full references, or the id of an image that came without a name. */
  readonly name: string;
  readonly target: Descriptor;
  readonly labels: Labels;
  readonly createdAtNs: bigint;
  /** When target or labels were last changed. */
  readonly updatedAtNs: bigint;
};

/** A name's record in the metadata; the name is the key. */
export type ImageNameRecord = Omit<ImageName, "name">;

/** Codes: InvalidArgument, NotFound, AlreadyExists. */
export class ImageNameError extends BerthError {}
