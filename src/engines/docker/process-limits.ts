import type { NewContainer } from "../../parts/dockerapi/index.ts";

/** What every container gets, as berth is configured. */
export type ProcessLimits = {
  /** By setrlimit(2)'s names; `Infinity` is none. Those that are not here are the engine's own. */
  readonly defaultUlimits: readonly { readonly type: string; readonly soft: number; readonly hard: number }[];
  /** Processes and threads; 0 is the engine's own limit. */
  readonly pidsLimit: number;
};

export function processLimits({
  defaultUlimits,
  pidsLimit,
}: ProcessLimits): Pick<NewContainer["HostConfig"], "Ulimits" | "PidsLimit"> {
  const limit = (value: number) => (Number.isFinite(value) ? value : -1);
  const ulimits = defaultUlimits.map(({ type, soft, hard }) => ({
    Name: type.replace("RLIMIT_", "").toLowerCase(),
    Soft: limit(soft),
    Hard: limit(hard),
  }));
  return { ...(ulimits.length > 0 && { Ulimits: ulimits }), ...(pidsLimit > 0 && { PidsLimit: pidsLimit }) };
}
