import { readFileSync } from "node:fs";

/**
 * One line of uid_map or gid_map (user_namespaces(7)): `length` ids from `containerId` on are mapped to those
 * from `hostId` on outside.
 */
export type IdMapping = { readonly containerId: number; readonly hostId: number; readonly length: number };

/** How users and groups of a user namespace are mapped to those outside of it. */
export type IdMappings = { readonly uids: readonly IdMapping[]; readonly gids: readonly IdMapping[] };

/** The id outside of the namespace; undefined if the id is not mapped. */
export function hostIdOf(mappings: readonly IdMapping[], containerId: number): number | undefined {
  const mapping = mappings.find(
    (one) => containerId >= one.containerId && containerId < one.containerId + one.length,
  );
  return mapping && mapping.hostId + containerId - mapping.containerId;
}

/** As containerd's clients write them, and mount(8)'s `X-mount.idmap` does with spaces for commas. */
export function describeIdMappings(mappings: readonly IdMapping[]): string {
  return mappings.map(({ containerId, hostId, length }) => `${containerId}:${hostId}:${length}`).join(",");
}

/** The inverse of {@link describeIdMappings}; undefined for invalid text. */
export function readIdMappings(text: string): readonly IdMapping[] | undefined {
  if (!/^\d{1,10}:\d{1,10}:\d{1,10}(,\d{1,10}:\d{1,10}:\d{1,10})*$/.test(text)) return undefined;
  return text.split(",").map((part) => {
    const [containerId = 0, hostId = 0, length = 0] = part.split(":").map(Number);
    return { containerId, hostId, length };
  });
}

/** The text of a uid_map or gid_map file. */
export function mapFile(mappings: readonly IdMapping[]): string {
  return mappings.map(({ containerId, hostId, length }) => `${containerId} ${hostId} ${length}\n`).join("");
}

/**
 * The mappings of the user namespace that a process is in, as this one sees them. Throws ENOENT if there is
 * no such process.
 */
export async function idMappingsOf(pid: number): Promise<IdMappings> {
  const mappings = (name: string) => parseMapFile(readFileSync(`/proc/${pid}/${name}`, "utf8"));
  return { uids: mappings("uid_map"), gids: mappings("gid_map") };
}

function parseMapFile(text: string): readonly IdMapping[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => {
    const [containerId = 0, hostId = 0, length = 0] = line.trim().split(/\s+/).map(Number);
    return { containerId, hostId, length };
  });
}
