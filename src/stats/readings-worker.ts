import { parentPort, workerData } from "node:worker_threads";
import { messageOf } from "../errors/index.ts";
import type { CgroupLayout } from "../linux/index.ts";
import { CgroupReader } from "./cgroup-reader.ts";
import type { ReadingsReply, ReadingsRequest } from "./readings-messages.ts";

/** The thread behind {@link "./cgroup-readings.ts"}: reads one batch after the other, synchronously. */
const reader = new CgroupReader(workerData as CgroupLayout);

parentPort?.on("message", (request: ReadingsRequest) => parentPort?.postMessage(answer(request)));

function answer({ id, paths, parts }: ReadingsRequest): ReadingsReply {
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
  return { id, usages, failures };
}
