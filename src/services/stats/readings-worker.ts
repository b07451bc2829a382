/** The thread behind {@link "./cgroup-readings.ts"}. */
import { workerData } from "node:worker_threads";
import type { CgroupLayout } from "../../ground/linux/index.ts";
import { serveJobs } from "../../ground/threads/index.ts";
import { CgroupReader } from "./cgroup-reader.ts";
import { type Readings, type ReadingsJob, readCgroups } from "./read-cgroups.ts";

const reader = new CgroupReader(workerData as CgroupLayout);

serveJobs((job: ReadingsJob): Readings => {
  const reading = readCgroups(reader, job);
  for (;;) {
    const { done, value } = reading.next();
    if (done) return value;
  }
});
