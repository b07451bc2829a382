import { workerData } from "node:worker_threads";
import { serveJobs } from "../../../ground/threads/index.ts";
import type { BuiltinAnswer, BuiltinJob, BuiltinThreadData } from "../builtin/builtin-jobs.ts";
import { BuiltinRunner } from "../builtin/run-builtin.ts";

/** A built-in plugins' thread that ends the whole process before a step, like kill -9. */
let runner: BuiltinRunner | undefined;
const { BERTH_TEST_END_AT: endAt } = process.env;

serveJobs<BuiltinJob, BuiltinAnswer>((job) => {
  runner ??= new BuiltinRunner(workerData as BuiltinThreadData, (step) => {
    if (step === endAt) process.kill(process.pid, "SIGKILL");
  });
  return runner.run(job);
});
