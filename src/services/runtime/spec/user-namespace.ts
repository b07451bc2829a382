import { hostIdOf, type IdMapping } from "../../../ground/linux/index.ts";
import { RuntimeError } from "../runtime-error.ts";
import type { SandboxFacts } from "./input.ts";
import type { OciIdMapping, OciLinux, OciUser } from "./types.ts";

/**
 * The mappings of a joined user namespace. Throws RuntimeError InvalidArgument if the user, or one of its
 * groups, is not mapped: no process in there could have that id.
 */
export function idMappings(
  { idMappings: mappings, specHasIdMappings }: Pick<SandboxFacts, "idMappings" | "specHasIdMappings">,
  user: OciUser,
): Pick<OciLinux, "uidMappings" | "gidMappings"> {
  if (mappings === undefined) return {};
  const { uids, gids } = mappings;
  requireMapped("user", uids, [user.uid]);
  requireMapped("group", gids, [user.gid, ...user.additionalGids]);
  if (!specHasIdMappings) return {};
  return { uidMappings: uids.map(toOci), gidMappings: gids.map(toOci) };
}

function requireMapped(what: "user" | "group", mappings: readonly IdMapping[], ids: readonly number[]): void {
  const missing = ids.find((id) => hostIdOf(mappings, id) === undefined);
  if (missing === undefined) return;
  throw new RuntimeError(
    "InvalidArgument",
    `${what} ${missing} is not mapped in the pod's user namespace; choose a mapped id, or map more ids`,
  );
}

function toOci({ containerId, hostId, length }: IdMapping): OciIdMapping {
  return { containerID: containerId, hostID: hostId, size: length };
}
