import { LinuxContainerResources } from "../../ground/protocol/index.ts";
import { type Container, quantityValue } from "../manifests/index.ts";

/** The kernel's, as kubelets use them. */
const cpuPeriodUs = 100_000;
const leastQuotaUs = 1000;
const leastShares = 2;
const mostShares = 262_144;

/** Limits and requests of a container, in the kernel's units; a request that is not given is the limit. */
export function containerResources({ resources = {} }: Container): LinuxContainerResources {
  const { limits = {}, requests = {} } = resources;
  const amount = (text: string | undefined) => (text === undefined ? undefined : quantityValue(text));
  const cpuLimit = amount(limits.cpu);
  const cpuRequest = amount(requests.cpu) ?? cpuLimit;
  const memoryLimit = amount(limits.memory);
  const shares = Math.floor((cpuRequest ?? 0) * 1024);
  return LinuxContainerResources.fromPartial({
    cpuShares: BigInt(Math.min(mostShares, Math.max(leastShares, shares))),
    ...(cpuLimit === undefined || cpuLimit === 0
      ? {}
      : {
          cpuPeriod: BigInt(cpuPeriodUs),
          cpuQuota: BigInt(Math.max(leastQuotaUs, Math.floor(cpuLimit * cpuPeriodUs))),
        }),
    ...(memoryLimit === undefined ? {} : { memoryLimitInBytes: BigInt(Math.floor(memoryLimit)) }),
    hugepageLimits: Object.entries(limits).flatMap(([name, limit]) =>
      name.startsWith("hugepages-")
        ? [
            {
              pageSize: `${name.slice("hugepages-".length).replace(/i$/, "")}B`,
              limit: BigInt(amount(limit) ?? 0),
            },
          ]
        : [],
    ),
  });
}
