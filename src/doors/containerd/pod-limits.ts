import { isDeepStrictEqual } from "node:util";
import { isRecord, type JsonObject } from "../../ground/json/index.ts";
import { type HugepageLimit, LinuxContainerResources } from "../../ground/protocol/index.ts";
import type { TaskUpdate } from "../../services/runtime/index.ts";
import { ContainerdError } from "./errors.ts";

/** The limits that CRI has, by what an OCI specification calls them. */
const numbers = {
  "cpu.period": "cpuPeriod",
  "cpu.quota": "cpuQuota",
  "cpu.shares": "cpuShares",
  "memory.limit": "memoryLimitInBytes",
  "memory.swap": "memorySwapLimitInBytes",
} as const;
const texts = { "cpu.cpus": "cpusetCpus", "cpu.mems": "cpusetMems" } as const;

/**
 * The limits of a pod's container that a client changes, as CRI has them. A client sends all that it found in
 * the specification along with its changes. Throws Unimplemented for a limit that CRI does not have,
 * InvalidArgument for a wrong value.
 */
export function podLimitsOf(
  containerId: string,
  asked: TaskUpdate["limits"],
  spec: object,
): LinuxContainerResources {
  const before = flat(resourcesOf(spec));
  const changed = Object.entries(flat(asked)).filter(
    ([path, value]) => !isDeepStrictEqual(value, before[path]),
  );
  const refuse = (code: "InvalidArgument" | "Unimplemented", path: string, why: string): never => {
    throw new ContainerdError(code, `update of container ${containerId}: resources.${path}: ${why}`);
  };
  const amounts: Partial<Record<(typeof numbers)[keyof typeof numbers], bigint>> = {};
  const cpus: Partial<Record<(typeof texts)[keyof typeof texts], string>> = {};
  const unified: Record<string, string> = {};
  const pages: HugepageLimit[] = [];
  for (const [path, value] of changed) {
    if (isKeyOf(numbers, path) && Number.isSafeInteger(value)) amounts[numbers[path]] = BigInt(Number(value));
    else if (isKeyOf(texts, path) && typeof value === "string") cpus[texts[path]] = value;
    else if (path.startsWith("unified.") && typeof value === "string")
      unified[path.slice("unified.".length)] = value;
    else if (path === "hugepageLimits")
      for (const { pageSize, limit } of asked.hugepageLimits ?? [])
        pages.push({ pageSize, limit: BigInt(limit) });
    else if (isKeyOf(numbers, path) || isKeyOf(texts, path) || path.startsWith("unified."))
      refuse("InvalidArgument", path, "an invalid value");
    else refuse("Unimplemented", path, "CRI has no such limit for a pod's container");
  }
  return LinuxContainerResources.fromPartial({ ...amounts, ...cpus, hugepageLimits: pages, unified });
}

function resourcesOf(spec: object): JsonObject {
  const linux = "linux" in spec && isRecord(spec.linux) ? spec.linux : {};
  return isRecord(linux.resources) ? linux.resources : {};
}

/** Each limit by its path, without what is only said to be absent. */
function flat(resources: JsonObject): Readonly<Record<string, unknown>> {
  const limits = Object.entries(resources).flatMap(([part, value]) =>
    isRecord(value)
      ? Object.entries(value).map(([name, each]) => [`${part}.${name}`, each] as const)
      : [[part, value] as const],
  );
  return Object.fromEntries(
    limits.filter(([, value]) => value !== null && value !== undefined && value !== 0),
  );
}

function isKeyOf<Map extends object>(map: Map, key: string): key is Extract<keyof Map, string> {
  return Object.hasOwn(map, key);
}
