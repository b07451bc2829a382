/** The thread behind {@link "./hash-file.ts"}: hashes files. */
import { closeSync, openSync, readSync } from "node:fs";
import { serveJobs } from "../../ground/threads/index.ts";
import { type Digest, Digester } from "../../parts/oci/index.ts";
import { fileError } from "./content-error.ts";
import type { HashJob } from "./hash-file.ts";

const chunkBytes = 1 << 20;

serveJobs(perform);

function perform({ path, expected }: HashJob): Digest {
  try {
    return digestOfFile(path, new Digester(expected));
  } catch (error) {
    throw fileError(`hashing ${path}`, error);
  }
}

function digestOfFile(path: string, digester: Digester): Digest {
  const buffer = new Uint8Array(chunkBytes);
  const fd = openSync(path, "r");
  try {
    for (let count = readSync(fd, buffer); count > 0; count = readSync(fd, buffer))
      digester.update(buffer.subarray(0, count));
  } finally {
    closeSync(fd);
  }
  return digester.digest();
}
