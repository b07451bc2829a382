import { parentPort } from "node:worker_threads";
import { BerthError, type ErrorCode, messageOf } from "../errors/index.ts";
import type { JobReply, JobRequest } from "./messages.ts";

/**
 * The body of a thread behind a {@link JobThread}: does one job after the other; those that wait for something overlap. What
 * `perform` throws is the job's error, with a BerthError's own code, or what `codeOf` says of others (Internal unless given).
 */
export function serveJobs<Job, Result>(
  perform: (job: Job) => Result | Promise<Result>,
  codeOf: (error: unknown) => ErrorCode = () => "Internal",
): void {
  const reply = async ({ id, job }: JobRequest<Job>): Promise<JobReply<Result>> => {
    try {
      return { id, kind: "done", result: await perform(job) };
    } catch (error) {
      const code = error instanceof BerthError ? error.code : codeOf(error);
      return { id, kind: "failed", code, message: messageOf(error) };
    }
  };
  parentPort?.on("message", (request: JobRequest<Job>) => {
    void reply(request).then((message) => parentPort?.postMessage(message));
  });
}
