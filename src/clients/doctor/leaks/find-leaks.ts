import type { Config } from "../../../ground/config/index.ts";
import { type Finding, ok, warn } from "../check.ts";
import { machineTraces } from "./machine-traces.ts";
import { networkTraces } from "./network-traces.ts";
import type { Trace } from "./trace.ts";

const shown = 5;

/**
 * Finds what is left on the machine of sandboxes and containers that no longer exist. `knownIds` asks the
 * daemon for the ids of all existing ones; it is called before and after the search, so that what is created
 * or removed meanwhile is not reported.
 */
export async function findLeaks(
  config: Config,
  knownIds: () => Promise<readonly string[]>,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const before = await knownIds();
  const traces = (await Promise.all([networkTraces(config, signal), machineTraces(config)])).flat();
  const known = [...new Set([...before, ...(await knownIds())])];
  const whole = new Set(known);
  const isKnown = (id: string) =>
    whole.has(id) || (id.length < 64 && known.some((one) => one.startsWith(id)));
  const leaks = traces.filter(({ ids }) => ids.length > 0 && !ids.some(isKnown));
  if (leaks.length === 0) return [ok("leaks", `none (${traces.length} traces of pods checked)`)];
  return [...Map.groupBy(leaks, ({ kind }) => kind)].map(([kind, ofKind]) => finding(kind, ofKind));
}

function finding(kind: string, leaks: readonly Trace[]): Finding {
  const places = leaks.slice(0, shown).map(({ where }) => where);
  const more = leaks.length > shown ? `, and ${leaks.length - shown} more` : "";
  return warn(
    `leftover ${kind}`,
    `${leaks.length} that belong to no pod or container of berthd: ${places.join(", ")}${more}`,
    `unless another container runtime on this machine created them: ${leaks[0]?.removal}`,
  );
}
