import { workerData } from "node:worker_threads";
import { serveJobs } from "../../../ground/threads/index.ts";
import type { BuiltinAnswer, BuiltinJob, BuiltinThreadData } from "./builtin-jobs.ts";
import { BuiltinRunner } from "./run-builtin.ts";

/** The thread behind {@link "./builtin-chain.ts"}. */
let runner: BuiltinRunner | undefined;

serveJobs<BuiltinJob, BuiltinAnswer>((job) => {
  runner ??= new BuiltinRunner(workerData as BuiltinThreadData, () => {});
  return runner.run(job);
});
