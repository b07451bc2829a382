import { readFile } from "node:fs/promises";
import { JobThread, threadFile } from "../../ground/threads/index.ts";
import { type Digest, digestOf } from "../../parts/oci/index.ts";
import { ContentError, fileError } from "./content-error.ts";

/** Up to this size hashing takes about a millisecond, far less than it takes to start a thread. */
const largestHashedHereBytes = 1 << 20;

/** A file, and the expected digest, which gives the algorithm. */
export type HashJob = { readonly path: string; readonly expected: Digest };

/**
 * The digest of a file, with the algorithm of `expected`; a large file is hashed in a thread of its own.
 * Throws ContentError.
 */
export async function hashFile(path: string, sizeBytes: number, expected: Digest): Promise<Digest> {
  if (sizeBytes > largestHashedHereBytes) return await hashInThread({ path, expected });
  try {
    return digestOf(await readFile(path), expected);
  } catch (error) {
    throw fileError(`hashing ${path}`, error);
  }
}

async function hashInThread(job: HashJob): Promise<Digest> {
  const file = threadFile(import.meta.url, "./hash-worker");
  await using thread = new JobThread<HashJob, Digest>({ name: "hash", file, error: ContentError });
  return await thread.run(job);
}
