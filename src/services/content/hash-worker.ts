/** Hashes a file, and posts the digest. Started by hash-file.ts. */
import { closeSync, openSync, readSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { Digester } from "../../parts/oci/index.ts";
import type { HashData } from "./hash-file.ts";

const { path, expected } = workerData as HashData;
const digester = new Digester(expected);
const buffer = new Uint8Array(1 << 20);
const fd = openSync(path, "r");
try {
  for (let count = readSync(fd, buffer); count > 0; count = readSync(fd, buffer))
    digester.update(buffer.subarray(0, count));
} finally {
  closeSync(fd);
}
parentPort?.postMessage(digester.digest());
