import { parentPort } from "node:worker_threads";
import { BerthError, type ErrorCode, messageOf } from "../errors/index.ts";
import { copyTree } from "./copy-tree.ts";
import { deleteTree } from "./delete-tree.ts";
import { diskUsage } from "./disk-usage.ts";
import { inheritDirectories } from "./inherit.ts";
import { codeOfFileError } from "./snapshot-error.ts";
import type { Usage } from "./snapshotter.ts";
import type { TreeJob, TreeReply, TreeRequest, TreeResult } from "./tree-jobs.ts";

/** The thread behind {@link "./tree-thread.ts"}: does one job after the other, synchronously. */
parentPort?.on("message", ({ id, job }: TreeRequest) => {
  parentPort?.postMessage({ id, result: resultOf(job) } satisfies TreeReply);
});

function resultOf(job: TreeJob): TreeResult {
  try {
    return { kind: "done", usage: perform(job) };
  } catch (error) {
    return { kind: "failed", code: codeOf(error), message: messageOf(error) };
  }
}

function perform(job: TreeJob): Usage | undefined {
  if (job.kind === "usage") return diskUsage(job.path);
  if (job.kind === "copy") copyTree(job.from, job.to);
  if (job.kind === "delete") deleteTree(job.path);
  if (job.kind === "inherit") inheritDirectories(job.upper, job.lower, job.directories);
  return undefined;
}

function codeOf(error: unknown): ErrorCode {
  return error instanceof BerthError ? error.code : codeOfFileError(error);
}
