/**
 * Faults that no user can cause, for a daemon that a test starts with `faultsOf(directory)` as its
 * environment: a file with a fault's name in the directory causes that fault, once.
 */
import { rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isMainThread, workerData } from "node:worker_threads";

const lookEveryMs = 20;
const directory = process.env.BERTH_FAULTS;

const faults = {
  /** Nobody handles the rejection of a promise. */
  "unhandled-rejection": () => void Promise.reject(new Error("a rejection made by a test")),
  /** Nobody catches an exception. */
  "uncaught-exception": () => {
    throw new Error("an exception made by a test");
  },
  /** The thread that has the database dies. */
  "dead-database": () => {
    throw new Error("a death made by a test");
  },
};

export type Fault = keyof typeof faults;

export function faultsOf(directory: string): Readonly<Record<string, string>> {
  return { BERTH_FAULTS: directory, NODE_OPTIONS: `--import=${import.meta.url}` };
}

export async function makeFault(directory: string, fault: Fault): Promise<void> {
  await writeFile(join(directory, fault), "");
}

function lookFor(fault: Fault): void {
  setInterval(() => {
    try {
      rmSync(join(directory ?? "", fault));
    } catch {
      return;
    }
    faults[fault]();
  }, lookEveryMs).unref();
}

if (directory !== undefined) {
  if (isMainThread) {
    lookFor("unhandled-rejection");
    lookFor("uncaught-exception");
  } else if (workerData?.path?.endsWith("metadata.db")) {
    lookFor("dead-database");
  }
}
