import { on } from "node:events";
import { readFile } from "node:fs/promises";
import { type Digest, digestOf, parseDigest } from "../oci/index.ts";
import { startThread, threadFile } from "../threads/index.ts";
import { ContentError, fileError } from "./content-error.ts";

/** Up to this size hashing takes about a millisecond, far less than it takes to start a thread. */
const largestHashedHereBytes = 1 << 20;

/** The digest of a file; a large one is hashed by a thread made for it. */
export async function hashFile(path: string, sizeBytes: number): Promise<Digest> {
  if (sizeBytes > largestHashedHereBytes) return await hashInWorker(path);
  try {
    return digestOf(await readFile(path));
  } catch (error) {
    throw fileError(`hashing ${path}`, error);
  }
}

async function hashInWorker(path: string): Promise<Digest> {
  const worker = startThread(threadFile(import.meta.url, "./hash-worker"), {
    name: "hash",
    workerData: path,
    execArgv: [],
  });
  try {
    for await (const [hex] of on(worker, "message", { close: ["exit"] })) return parseDigest(`sha256:${hex}`);
  } catch (error) {
    throw fileError(`hashing ${path}`, error);
  } finally {
    await worker.terminate();
  }
  throw new ContentError("Internal", `hashing ${path}: its thread ended`);
}
