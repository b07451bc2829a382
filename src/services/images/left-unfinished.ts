import type { Leases } from "../leases/index.ts";
import { ContentHold } from "./content-hold.ts";
import { ImageInstaller } from "./image-installer.ts";

/**
 * Whether a daemon that died was bringing or sending images of a namespace: {@link openImages} takes away
 * what is left of that.
 */
export function leftUnfinished(leases: Leases): boolean {
  return leases.list().some((lease) => ContentHold.isOf(lease) || ImageInstaller.isOf(lease));
}
