import type { HostFacts } from "./host-facts.ts";
import type { OciRlimit } from "./types.ts";

/** What a node usually gives. Programs that go through all possible descriptors become slow with more. */
const usualOpenFiles = 1024 * 1024;

/**
 * The limit on open files. It is always set, as Node raises its own soft limit and children would inherit that; the
 * other limits are the daemon's.
 */
export function openFilesLimit({ maxOpenFiles }: Pick<HostFacts, "maxOpenFiles">): OciRlimit {
  const limit = Math.min(usualOpenFiles, maxOpenFiles);
  return { type: "RLIMIT_NOFILE", soft: limit, hard: limit };
}
