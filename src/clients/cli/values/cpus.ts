import type { LinuxContainerResources } from "../../../ground/protocol/index.ts";
import { usageError } from "../errors.ts";

const periodUs = 100_000;
const sharesPerCpu = 1024;
const minShares = 2;
/** The kernel's smallest quota is one millisecond in its period of 100. */
const minCpus = 0.01;

/** Parses a number of processors, such as `0.5`. Throws CliError. */
export function parseCpus(text: string): number {
  const cpus = Number(text);
  if (!/^(?:\d+(?:\.\d+)?|\.\d+)$/.test(text))
    throw usageError(`--cpus ${JSON.stringify(text)} is not a number of processors such as 0.5 or 2`);
  if (cpus < minCpus) throw usageError(`--cpus ${text} is less than the kernel can give: ${minCpus}`);
  return cpus;
}

/** Translates it to limits, as a kubelet does. Throws CliError. */
export function cpuLimits(
  text: string,
): Pick<LinuxContainerResources, "cpuPeriod" | "cpuQuota" | "cpuShares"> {
  const cpus = parseCpus(text);
  return {
    cpuPeriod: BigInt(periodUs),
    cpuQuota: BigInt(Math.round(cpus * periodUs)),
    cpuShares: BigInt(Math.max(minShares, Math.round(cpus * sharesPerCpu))),
  };
}
