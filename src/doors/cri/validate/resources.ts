import type { HugepageLimit, LinuxContainerResources } from "../../../ground/protocol/index.ts";
import { between, type Check, each, ifPresent, message, refuse } from "./check.ts";
import { anyText, map, matching, orEmpty } from "./text.ts";

const maxInt64 = 0x7fff_ffff_ffff_ffffn;
const notNegative = between(0n, maxInt64);
/** -1 removes a limit. */
const limit = between(-1n, maxInt64);
/** In microseconds, within the kernel's range. */
const quota: Check<bigint> = (value, path) => {
  // For the kernel, any negative value means no limit.
  if (value > 0n && value < 1000n) refuse(path, `must be at least 1000, or -1 for no limit, is ${value}`);
};
/** The kernel rejects a list without entries (",") with ENOSPC, as if a disk were full. */
const cpuList = orEmpty(matching(/^,{0,16}[0-9][0-9,-]{0,4095}$/, "a list such as 0-3,7"));

/** 0 is unset. */
function orZero(check: Check<bigint>): Check<bigint> {
  return (value, path) => {
    if (value !== 0n) check(value, path);
  };
}

export const linuxResources: Check<LinuxContainerResources | undefined> = ifPresent(
  message<LinuxContainerResources>({
    cpuPeriod: orZero(between(1000n, 1_000_000n)),
    cpuQuota: orZero(quota),
    cpuShares: notNegative,
    memoryLimitInBytes: limit,
    memorySwapLimitInBytes: limit,
    oomScoreAdj: between(-1000n, 1000n),
    cpusetCpus: cpuList,
    cpusetMems: cpuList,
    hugepageLimits: each(
      message<HugepageLimit>({ pageSize: matching(/^[0-9]{1,8}[KMG]i?B$/, "a size such as 2MB or 1GB") }),
    ),
    unified: map(matching(/^[A-Za-z0-9_.-]{1,255}$/, "the name of a cgroup file"), anyText, 64 * 1024),
  }),
);
