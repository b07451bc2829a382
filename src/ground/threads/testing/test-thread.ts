/** The thread of the tests: gives numbers back, and fails and ends as it is told. */
import { once } from "node:events";
import { serveJobs } from "../serve-jobs.ts";
import { RefusedError, type TestJob } from "./held-job.ts";

serveJobs((job: TestJob, signal): number | Promise<number> => {
  if (job === "refused") throw new RefusedError("FailedPrecondition", "not now", 7);
  if (job === "full") throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
  if (job === "broken") throw new TypeError("broken", { cause: new Error("why") });
  if (job === "exit") process.exit();
  if (job === "until aborted") return once(signal, "abort").then(() => signal.throwIfAborted() ?? 0);
  if (typeof job !== "number") return holdUntilReleased(job);
  return job;
});

function holdUntilReleased(job: SharedArrayBuffer): number {
  Atomics.wait(new Int32Array(job), 0, 0);
  return 0;
}
