import type { CrashingBerth } from "../crashing-berth.ts";

const lastKills = 20;
const lastLines = 80;
/** Of one pod's or container's lines; those that count are its last. */
const linesOfId = 60;

/**
 * All that is needed to find out why a run failed: what was killed when, what the daemon logged last and
 * about every pod and container that the error names, and what a Docker Engine has of these.
 */
export async function report(
  { berth }: CrashingBerth,
  error: unknown,
  kills: readonly string[],
): Promise<string> {
  const log = (await berth.daemonLog()).split("\n");
  const ids = [...new Set(String(error).match(/[0-9a-f]{64}/g) ?? [])];
  const about = ids.flatMap((id) => [
    `-- berthd on ${id}`,
    ...log.filter((line) => line.includes(id)).slice(-linesOfId),
    `-- kills at ${id}`,
    ...kills.filter((kill) => kill.includes(id)),
  ]);
  const states = ids.map(async (id) => {
    const details = await berth.docker?.request("GET", `/containers/${id}/json`).catch(String);
    return `-- Docker on ${id}\n${details}`;
  });
  return [
    String(error),
    "-- the last kills",
    ...kills.slice(-lastKills),
    ...about,
    ...(berth.docker === undefined ? [] : await Promise.all(states)),
    "-- berthd's last lines",
    ...log.slice(-lastLines),
  ].join("\n");
}
