/** The thread of the tests: gives numbers back, and fails and ends as it is told. */
import { BerthError } from "../../errors/index.ts";
import { serveJobs } from "../serve-jobs.ts";
import type { TestJob } from "./held-job.ts";

serveJobs(
  (job: TestJob): number => {
    if (job === "refused") throw new BerthError("FailedPrecondition", "not now", { cause: new Error("why") });
    if (job === "broken") throw new TypeError("broken");
    if (job === "exit") process.exit();
    if (typeof job !== "number") return holdUntilReleased(job);
    return job;
  },
  (error) => (error instanceof TypeError ? "InvalidArgument" : "Internal"),
);

function holdUntilReleased(job: SharedArrayBuffer): number {
  Atomics.wait(new Int32Array(job), 0, 0);
  return 0;
}
