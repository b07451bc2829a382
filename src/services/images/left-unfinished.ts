import type { Leases } from "../leases/index.ts";
import { ContentHold } from "./content-hold.ts";
import { ImageInstaller } from "./image-installer.ts";

/**
 * Whether a killed daemon was pulling or pushing images of a namespace; {@link openImages} then removes what
 * is left.
 */
export function leftUnfinished(leases: Leases): boolean {
  return leases.list().some((lease) => ContentHold.isOf(lease) || ImageInstaller.isOf(lease));
}
