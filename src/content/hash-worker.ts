/** Hashes the file whose path is the worker's data, and posts the hex digits. */
import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";

const hash = createHash("sha256");
const buffer = new Uint8Array(1 << 20);
const fd = openSync(workerData as string, "r");
try {
  for (let count = readSync(fd, buffer); count > 0; count = readSync(fd, buffer))
    hash.update(buffer.subarray(0, count));
} finally {
  closeSync(fd);
}
parentPort?.postMessage(hash.digest("hex"));
