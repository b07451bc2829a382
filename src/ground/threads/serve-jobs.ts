import { parentPort } from "node:worker_threads";
import type { JobReply, JobRequest } from "./messages.ts";
import { sentError } from "./sent-error.ts";

/**
 * The body of a thread behind a {@link JobThread}: does one job after the other; those that wait for something overlap. What
 * `perform` throws is the job's error.
 */
export function serveJobs<Job, Result>(perform: (job: Job) => Result | Promise<Result>): void {
  const reply = async ({ id, job }: JobRequest<Job>): Promise<JobReply<Result>> => {
    try {
      return { id, kind: "done", result: await perform(job) };
    } catch (error) {
      return { id, kind: "failed", error: sentError(error) };
    }
  };
  parentPort?.on("message", (request: JobRequest<Job>) => {
    void reply(request).then((message) => parentPort?.postMessage(message));
  });
}
