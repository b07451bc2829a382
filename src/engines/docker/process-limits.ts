import type { NewContainer } from "../../parts/dockerapi/index.ts";

/** The limits that berth's configuration gives every container. */
export type ProcessLimits = {
  /**
   * By the names of setrlimit(2); `Infinity` is no limit. The engine's defaults apply to types that are not
   * listed.
   */
  readonly defaultUlimits: readonly { readonly type: string; readonly soft: number; readonly hard: number }[];
  /** Maximum number of processes and threads; 0 is the engine's default. */
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
