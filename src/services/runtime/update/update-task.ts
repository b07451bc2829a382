import { writeFile } from "node:fs/promises";
import { readBundleSpec } from "../conmon/bundle-spec.ts";
import type { TaskFiles } from "../conmon/task-files.ts";
import { callRuntime } from "../oci-runtime/oci-runtime.ts";
import { replaceFile } from "../replace-file.ts";
import { specJson } from "../spec/spec-json.ts";
import type { OciSpec } from "../spec/types.ts";
import { tellSystemd } from "../systemd/tell-systemd.ts";
import type { TaskUpdate } from "../tasks.ts";
import { checkMemoryLimit } from "./check-memory-limit.ts";
import { liftQuota } from "./lift-quota.ts";
import { limitHugePages } from "./limit-huge-pages.ts";
import { setOomScores } from "./set-oom-scores.ts";
import { updateFailure } from "./update-failure.ts";
import type { UpdatedTask } from "./updated-task.ts";

const updateTimeoutMs = 60_000;

/** See Task.update. The OCI runtime sets what it can; the rest is written here, and told to systemd. */
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
  await replaceFile(files.config, specJson(updated));
}
