import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hasCode, messageOf } from "../../../ground/errors/index.ts";
import { specJson } from "../../../ground/json/index.ts";
import { containerCgroupDir } from "../cgroups/process-cgroup.ts";
import { readBundleSpec, type TaskFiles } from "../conmon/task-files.ts";
import { callRuntime } from "../oci-runtime/oci-runtime.ts";
import { replaceFile } from "../replace-file.ts";
import { RuntimeError } from "../runtime-error.ts";
import type { OciLimits, OciSpec } from "../spec/types.ts";
import { tellSystemd } from "../systemd/tell-systemd.ts";
import type { TaskUpdate } from "../tasks.ts";
import { checkMemoryLimit } from "./check-memory-limit.ts";
import { limitHugePages } from "./limit-huge-pages.ts";
import { setOomScores } from "./set-oom-scores.ts";
import type { UpdatedTask } from "./updated-task.ts";

const updateTimeoutMs = 60_000;

/** See Task.update. The OCI runtime sets what it can; the rest is written here, and sent to systemd. */
export async function updateTask(task: UpdatedTask, update: TaskUpdate, signal?: AbortSignal): Promise<void> {
  const { hugepageLimits = [], ...limits } = update.limits;
  await checkMemoryLimit(task.record.cgroupDir, limits.memory?.limit);
  if (task.cgroupDriver === "systemd") await tellSystemd(task.record, limits, task.layout, signal);
  await callUpdate(task, await liftQuota(task, limits), signal);
  await limitHugePages(task, hugepageLimits);
  if (update.oomScoreAdj !== undefined) await setOomScores(task.record, update.oomScoreAdj);
  await rewriteConfig(task.files, update);
}

async function callUpdate(
  { id, record: { handler }, files, cgroupDriver }: UpdatedTask,
  limits: object,
  signal: AbortSignal | undefined,
): Promise<void> {
  await writeFile(files.resources, specJson(limits), { mode: 0o600 });
  const args = ["update", "--resources", files.resources, id];
  const logPath = files.runtimeLog("update");
  try {
    await callRuntime({ handler, cgroupDriver, logPath, args, timeoutMs: updateTimeoutMs }, signal);
  } catch (error) {
    throw updateFailure(error);
  }
}

/** Replaced as a whole, as an exec may be reading it. */
async function rewriteConfig(files: TaskFiles, { limits, oomScoreAdj }: TaskUpdate): Promise<void> {
  const spec = await readBundleSpec(files);
  const { linux, process } = spec;
  const updated: OciSpec = {
    ...spec,
    process: { ...process, ...(oomScoreAdj !== undefined && { oomScoreAdj }) },
    linux: { ...linux, resources: { ...linux.resources, ...limits } },
  };
  replaceFile(files.config, specJson(updated));
}

/**
 * Removes a container's CPU quota, if requested, where the OCI runtime cannot: with cgroup v1, crun 1.8
 * writes -1 as an unsigned number. Returns the remaining limits. (runc can, and remembers an old quota.)
 */
async function liftQuota(
  task: Pick<UpdatedTask, "id" | "cgroup" | "record" | "layout">,
  limits: OciLimits,
): Promise<OciLimits> {
  const { quota, ...cpu } = limits.cpu ?? {};
  if (quota !== -1 || task.layout.kind === "v2" || task.record.handler.type !== "crun") return limits;
  const directory = await containerCgroupDir(task.layout, task.record.init.pid, task, "cpu");
  if (directory !== undefined) await writeFile(join(directory, "cpu.cfs_quota_us"), "-1");
  return { ...limits, cpu };
}

/**
 * Interprets an OCI runtime's failure to update. Only its message contains the kernel's error: EBUSY is a
 * limit below current usage; EINVAL, ERANGE and EACCES are values that no such container can have (for
 * example a CPU that its parent lacks).
 */
function updateFailure(cause: unknown): unknown {
  if (!hasCode(cause, "Internal")) return cause;
  const message = messageOf(cause);
  if (/resource busy/i.test(message))
    return new RuntimeError("FailedPrecondition", "resources: a limit is below the current usage", { cause });
  if (/invalid argument|out of range|permission denied/i.test(message))
    return new RuntimeError("InvalidArgument", "resources: the kernel rejects a limit", { cause });
  return cause;
}
