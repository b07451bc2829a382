import { parentPort } from "node:worker_threads";
import type { JobReply, JobRequest } from "./job-thread.ts";
import { sentError } from "./sent-error.ts";
import { threadIsLoaded } from "./start-thread.ts";

/**
 * The code of a thread behind a {@link JobThread}: runs one job after the other; jobs that wait for something
 * overlap. What `perform` throws is the job's error. Its signal aborts when the caller's does, which only a
 * job that waits can notice.
 */
export function serveJobs<Job, Result>(
  perform: (job: Job, signal: AbortSignal) => Result | Promise<Result>,
): void {
  threadIsLoaded();
  const inFlight = new Map<number, AbortController>();
  const run = async (id: number, job: Job): Promise<JobReply<Result>> => {
    const controller = new AbortController();
    inFlight.set(id, controller);
    try {
      return { id, kind: "done", result: await perform(job, controller.signal) };
    } catch (error) {
      return { id, kind: "failed", error: sentError(error) };
    } finally {
      inFlight.delete(id);
    }
  };
  parentPort?.on("message", (request: JobRequest<Job>) => {
    if (request.kind === "abort") inFlight.get(request.id)?.abort();
    else void run(request.id, request.job).then((message) => parentPort?.postMessage(message));
  });
}
