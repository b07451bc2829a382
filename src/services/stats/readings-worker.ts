/** The thread behind {@link "./cgroup-readings.ts"}. */
import { workerData } from "node:worker_threads";
import { messageOf } from "../../ground/errors/index.ts";
import type { CgroupLayout } from "../../ground/linux/index.ts";
import { serveJobs } from "../../ground/threads/index.ts";
import { CgroupReader } from "./cgroup-reader.ts";
import type { Readings, ReadingsJob } from "./cgroup-readings.ts";

const reader = new CgroupReader(workerData as CgroupLayout);

serveJobs(({ paths, parts }: ReadingsJob): Readings => {
  const failures: string[] = [];
  const usages = paths.map((path) => {
    try {
      return reader.read(path, parts);
    } catch (error) {
      // What is wrong with one must not take the figures of all others away.
      failures.push(messageOf(error));
      return undefined;
    }
  });
  return { usages, failures };
});
