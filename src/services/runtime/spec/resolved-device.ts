import type { OciDevice } from "./types.ts";

/** A device as it is to appear, and what may be done with it (some of r, w, m). */
export type ResolvedDevice = {
  readonly device: OciDevice;
  readonly access: string;
  /** Where it is on the host. */
  readonly hostPath: string;
};
