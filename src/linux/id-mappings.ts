/** One line of uid_map or gid_map (user_namespaces(7)): `length` ids from `containerId` on are those from `hostId` on outside. */
export type IdMapping = { readonly containerId: number; readonly hostId: number; readonly length: number };

/** What users and groups of a user namespace are outside of it. */
export type IdMappings = { readonly uids: readonly IdMapping[]; readonly gids: readonly IdMapping[] };

/** The id outside of the namespace; undefined for one that is not mapped: nobody outside can be that. */
export function hostIdOf(mappings: readonly IdMapping[], containerId: number): number | undefined {
  const mapping = mappings.find(
    (one) => containerId >= one.containerId && containerId < one.containerId + one.length,
  );
  return mapping && mapping.hostId + containerId - mapping.containerId;
}

/** The text of a uid_map or gid_map file. */
export function mapFile(mappings: readonly IdMapping[]): string {
  return mappings.map(({ containerId, hostId, length }) => `${containerId} ${hostId} ${length}\n`).join("");
}
