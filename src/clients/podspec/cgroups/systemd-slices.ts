import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { messageOf } from "../../../ground/errors/index.ts";
import { type CgroupLayout, cpuWeightOf } from "../../../ground/linux/index.ts";
import { PodSpecError } from "../errors.ts";
import type { PodLimits } from "./pod-limits.ts";

const run = promisify(execFile);
const busctl = "/usr/bin/busctl";
const manager = ["org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"];
const timeoutMs = 30_000;
/** systemd's value for no limit: the largest 64-bit number. */
const infinity = "18446744073709551615";

/**
 * Makes systemd create a slice, which exists until it is stopped; an existing one gets the new limits. Throws
 * PodSpecError with systemd's message.
 */
export async function startSlice(
  name: string,
  limits: Partial<PodLimits> & Pick<PodLimits, "cpuShares">,
  layout: CgroupLayout,
): Promise<void> {
  const properties = propertiesOf(limits, layout);
  const words = [String(properties.length), ...properties.flat()];
  try {
    await call("StartTransientUnit", "ssa(sv)a(sa(sv))", [name, "replace", ...words, "0"]);
  } catch (error) {
    if (!messageOf(error).includes("already")) throw error;
    await call("SetUnitProperties", "sba(sv)", [name, "true", ...words]);
  }
}

/** Removes a slice; no error if it does not exist. */
export async function stopSlice(name: string): Promise<void> {
  try {
    await call("StopUnit", "ss", [name, "replace"]);
  } catch (error) {
    if (!messageOf(error).includes("not loaded")) throw error;
  }
}

/** The properties of systemd.resource-control(5), each with its D-Bus type. */
function propertiesOf(
  { cpuShares, cpuQuotaUs, memoryBytes }: Partial<PodLimits> & Pick<PodLimits, "cpuShares">,
  { kind }: CgroupLayout,
): readonly (readonly string[])[] {
  const v2 = kind === "v2";
  return [
    v2 ? ["CPUWeight", "t", String(cpuWeightOf(cpuShares))] : ["CPUShares", "t", String(cpuShares)],
    // Per second, while ours is per 100 ms.
    ["CPUQuotaPerSecUSec", "t", cpuQuotaUs === undefined ? infinity : String(cpuQuotaUs * 10)],
    [v2 ? "MemoryMax" : "MemoryLimit", "t", String(memoryBytes ?? infinity)],
  ];
}

async function call(method: string, types: string, words: readonly string[]): Promise<void> {
  try {
    await run(busctl, ["--quiet", "call", ...manager, method, types, ...words], { timeout: timeoutMs });
  } catch (cause) {
    const { stderr = "" } = cause as { readonly stderr?: string };
    throw new PodSpecError(
      "Internal",
      `systemd ${method} of ${words[0]} failed: ${stderr.trim() || messageOf(cause)}`,
      { cause },
    );
  }
}
