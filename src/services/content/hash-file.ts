import { on } from "node:events";
import { readFile } from "node:fs/promises";
import { startThread, threadFile } from "../../ground/threads/index.ts";
import { type Digest, digestOf, parseDigest } from "../../parts/oci/index.ts";
import { ContentError, fileError } from "./content-error.ts";

/** Up to this size hashing takes about a millisecond, far less than it takes to start a thread. */
const largestHashedHereBytes = 1 << 20;

/** What a thread that hashes is started with: a file, and the digest that says by which algorithm. */
export type HashData = { readonly path: string; readonly expected: Digest };

/** The digest of a file, made as `expected` was; a large one is hashed by a thread made for it. */
export async function hashFile(path: string, sizeBytes: number, expected: Digest): Promise<Digest> {
  if (sizeBytes > largestHashedHereBytes) return await hashInWorker({ path, expected });
  try {
    return digestOf(await readFile(path), expected);
  } catch (error) {
    throw fileError(`hashing ${path}`, error);
  }
}

async function hashInWorker(workerData: HashData): Promise<Digest> {
  const { path } = workerData;
  const worker = startThread(threadFile(import.meta.url, "./hash-worker"), {
    name: "hash",
    workerData,
    execArgv: [],
  });
  try {
    for await (const [digest] of on(worker, "message", { close: ["exit"] }))
      return parseDigest(String(digest));
  } catch (error) {
    throw fileError(`hashing ${path}`, error);
  } finally {
    await worker.terminate();
  }
  throw new ContentError("Internal", `hashing ${path}: its thread ended`);
}
