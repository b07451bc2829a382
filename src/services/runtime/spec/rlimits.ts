import type { HostFacts } from "./host-facts.ts";
import type { ContainerSettings } from "./input.ts";
import type { OciRlimit } from "./types.ts";

/** The usual limit of a node. Programs that iterate over all possible descriptors become slow with more. */
const usualOpenFiles = 1024 * 1024;

/**
 * The limits of a container's processes: those of the configuration, no higher than the daemon may give, and
 * one on open files.
 */
export function containerRlimits(
  { defaultUlimits }: Pick<ContainerSettings, "defaultUlimits">,
  host: Pick<HostFacts, "maxOpenFiles" | "rlimitCeilings">,
): readonly OciRlimit[] {
  const configured = defaultUlimits.map(({ type, soft, hard }) => {
    const ceiling = host.rlimitCeilings[type] ?? Number.POSITIVE_INFINITY;
    return { type, soft: Math.min(soft, ceiling), hard: Math.min(hard, ceiling) };
  });
  const byType = new Map([openFilesLimit(host), ...configured].map((limit) => [limit.type, limit]));
  return [...byType.values()];
}

/**
 * The limit on open files. It is always set, as Node raises its own soft limit and children would inherit
 * that; the other limits are the daemon's.
 */
export function openFilesLimit({ maxOpenFiles }: Pick<HostFacts, "maxOpenFiles">): OciRlimit {
  const limit = Math.min(usualOpenFiles, maxOpenFiles);
  return { type: "RLIMIT_NOFILE", soft: limit, hard: limit };
}
