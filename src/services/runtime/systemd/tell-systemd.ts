import { basename } from "node:path";
import type { CgroupLayout } from "../../../ground/linux/index.ts";
import type { TaskRecord } from "../conmon/task-record.ts";
import { runProgram } from "../oci-runtime/oci-runtime.ts";
import type { OciLimits } from "../spec/types.ts";
import { systemdProperties } from "./systemd-properties.ts";

const busctl = "/usr/bin/busctl";
const manager = ["org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"];
const timeoutMs = 30_000;

/**
 * Tells systemd the new limits of a container's scope, since it writes its own at every `daemon-reload`, and
 * crun 1.8 changes only the cgroup; runc informs systemd itself. Throws RuntimeError Internal with systemd's
 * message.
 */
export async function tellSystemd(
  { handler, cgroupDir }: TaskRecord,
  limits: OciLimits,
  layout: CgroupLayout,
  signal: AbortSignal | undefined,
): Promise<void> {
  const properties = systemdProperties(limits, layout);
  if (handler.type !== "crun" || cgroupDir === undefined || properties.length === 0) return;
  // Not stored, as the unit ends with its container.
  const runtime = "true";
  const unit = [basename(cgroupDir), runtime, String(properties.length), ...properties.flat()];
  await runProgram(
    {
      what: "systemd SetUnitProperties",
      program: busctl,
      args: ["--quiet", "call", ...manager, "SetUnitProperties", "sba(sv)", ...unit],
      timeoutMs,
      failure: async (stderr, code) => stderr.trim() || `busctl failed with code ${code} and printed nothing`,
    },
    signal,
  );
}
