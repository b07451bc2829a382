import { parentPort } from "node:worker_threads";
import { BerthError, type ErrorCode, messageOf } from "../errors/index.ts";
import type { JobReply, JobRequest } from "./messages.ts";

/**
 * The body of a thread behind a {@link JobThread}: does one job after the other. What `perform` throws is the job's
 * error, with a BerthError's own code, or what `codeOf` says of others (Internal unless given).
 */
export function serveJobs<Job, Result>(
  perform: (job: Job) => Result,
  codeOf: (error: unknown) => ErrorCode = () => "Internal",
): void {
  const reply = ({ id, job }: JobRequest<Job>): JobReply<Result> => {
    try {
      return { id, kind: "done", result: perform(job) };
    } catch (error) {
      const code = error instanceof BerthError ? error.code : codeOf(error);
      return { id, kind: "failed", code, message: messageOf(error) };
    }
  };
  parentPort?.on("message", (request: JobRequest<Job>) => parentPort?.postMessage(reply(request)));
}
