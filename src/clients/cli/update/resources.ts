import { LinuxContainerResources } from "../../../ground/protocol/index.ts";
import { usageError } from "../errors.ts";
import { cpuLimits } from "../values/cpus.ts";
import { parseKeyValues } from "../values/key-values.ts";
import { parseInteger } from "../values/numbers.ts";
import { parseSize } from "../values/size.ts";

/** The options, as on the command line. */
export type UpdateOptions = {
  readonly cpus?: string;
  readonly cpuPeriod?: string;
  readonly cpuQuota?: string;
  readonly cpuShare?: string;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  readonly memory?: string;
  readonly memorySwap?: string;
  readonly hugepages?: readonly string[];
  readonly oomScoreAdj?: string;
  readonly unified?: readonly string[];
};

/** The limits that `berth update` requests; undefined if there are none. Throws CliError. */
export function requestedResources(options: UpdateOptions): LinuxContainerResources | undefined {
  const { cpus, cpuPeriod, cpuQuota, cpuShare, memory, memorySwap, oomScoreAdj } = options;
  const hugepages = parseKeyValues(options.hugepages ?? [], "--hugepages");
  const given = {
    ...(cpus !== undefined && cpuLimits(cpus)),
    ...(cpuPeriod !== undefined && { cpuPeriod: parseChange(cpuPeriod, "--cpu-period") }),
    ...(cpuQuota !== undefined && { cpuQuota: parseChange(cpuQuota, "--cpu-quota") }),
    ...(cpuShare !== undefined && { cpuShares: parseChange(cpuShare, "--cpu-share") }),
    ...(options.cpusetCpus !== undefined && { cpusetCpus: options.cpusetCpus }),
    ...(options.cpusetMems !== undefined && { cpusetMems: options.cpusetMems }),
    ...(memory !== undefined && { memoryLimitInBytes: parseLimit(memory, "--memory") }),
    ...(memorySwap !== undefined && { memorySwapLimitInBytes: parseLimit(memorySwap, "--memory-swap") }),
    ...(options.hugepages !== undefined && {
      hugepageLimits: Object.entries(hugepages).map(([pageSize, limit]) => ({
        pageSize,
        limit: parseSize(limit, "--hugepages"),
      })),
    }),
    ...(oomScoreAdj !== undefined && { oomScoreAdj: parseChange(oomScoreAdj, "--oom-score-adj") }),
    ...(options.unified !== undefined && { unified: parseKeyValues(options.unified, "--unified") }),
  };
  return Object.keys(given).length === 0 ? undefined : LinuxContainerResources.fromPartial(given);
}

function parseLimit(text: string, what: string): bigint {
  return text === "-1" ? -1n : notZero(parseSize(text, what), what);
}

function parseChange(text: string, what: string): bigint {
  return notZero(parseInteger(text, what), what);
}

/** In the CRI, 0 is what is not given. */
function notZero(value: bigint, what: string): bigint {
  if (value === 0n)
    throw usageError(
      `${what} 0 would change nothing, because a runtime takes 0 for a limit that is not given`,
    );
  return value;
}
