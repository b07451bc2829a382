/** The thread of the tests: gives numbers back, and fails and ends as it is told. */
import { BerthError } from "../../errors/index.ts";
import { serveJobs } from "../serve-jobs.ts";

serveJobs(
  (job: number | "refused" | "broken" | "exit"): number => {
    if (job === "refused") throw new BerthError("FailedPrecondition", "not now", { cause: new Error("why") });
    if (job === "broken") throw new TypeError("broken");
    if (job === "exit") process.exit();
    return job;
  },
  (error) => (error instanceof TypeError ? "InvalidArgument" : "Internal"),
);
