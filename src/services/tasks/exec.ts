import type { LookUp } from "../../ground/hostpaths/index.ts";
import { parseSpecJson } from "../../ground/json/index.ts";
import type { OciProcess, Process, Task } from "../runtime/index.ts";
import { clientStreams, type NamedStreams } from "./named-streams.ts";
import { TasksError } from "./tasks-error.ts";

/** A command to run in a task, in addition to its first process. */
export type NewProcess = {
  readonly id: string;
  /** The task's namespace. */
  readonly namespace: string;
  /** `process` of the runtime-spec (config.md), in JSON. */
  readonly spec: Uint8Array;
  readonly streams: NamedStreams;
};

/**
 * Adds a command to the task without starting it. Throws TasksError InvalidArgument, and the errors of
 * Task.exec.
 */
export async function addProcess(
  task: Task,
  { id, namespace, spec, streams }: NewProcess,
  lookUp: LookUp,
): Promise<Process> {
  const { terminal } = streams;
  return await task.exec({
    id,
    process: { kind: "whole", process: parseProcess(task.id, spec) },
    io: { kind: "client", terminal, ...clientStreams(streams, { id, namespace }, lookUp) },
  });
}

function parseProcess(containerId: string, spec: Uint8Array): OciProcess {
  let process: Partial<OciProcess> | null;
  try {
    process = parseSpecJson(new TextDecoder("utf-8", { fatal: true }).decode(spec));
  } catch (cause) {
    throw new TasksError("InvalidArgument", `exec in container ${containerId}: spec: it is not JSON`, {
      cause,
    });
  }
  if (!Array.isArray(process?.args) || process.args.length === 0)
    throw new TasksError(
      "InvalidArgument",
      `exec in container ${containerId}: spec: args must have a program`,
    );
  const { cwd = "/", user = { uid: 0, gid: 0, additionalGids: [] }, env = [] } = process;
  return { ...(process as OciProcess), cwd, user, env };
}
