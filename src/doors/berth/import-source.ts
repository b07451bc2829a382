import { mkdir, mkdtemp, open, rm } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import type { berthV1 } from "../../ground/protocol/index.ts";
import { BerthServiceError } from "./errors.ts";

/** Where the archive of an import lies; disposing it removes what was kept only for the import. */
export type ImportSource = AsyncDisposable & {
  readonly path: string;
  /** Whether it came over the connection. */
  readonly sent: boolean;
  readonly allPlatforms: boolean;
};

/**
 * Reads an import's requests to their end: a path of the machine, or the archive itself, which goes to a
 * private file.
 */
export async function receiveSource(
  requests: AsyncIterable<berthV1.ImportImageRequest>,
  spoolDir: string,
): Promise<ImportSource> {
  const iterator = requests[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done === true)
    throw new BerthServiceError("import: the request has neither a path nor archive data");
  if (first.value.path !== undefined) return localSource(first.value.path, first.value.allPlatforms);
  return spool({ first: first.value, rest: { [Symbol.asyncIterator]: () => iterator } }, spoolDir);
}

function localSource(path: string, allPlatforms: boolean): ImportSource {
  if (!isAbsolute(path) || path.includes("\0")) {
    throw new BerthServiceError(`import: path ${JSON.stringify(path)} is not an absolute path`);
  }
  return { path, sent: false, allPlatforms, [Symbol.asyncDispose]: async () => {} };
}

async function spool(
  requests: {
    readonly first: berthV1.ImportImageRequest;
    readonly rest: AsyncIterable<berthV1.ImportImageRequest>;
  },
  spoolDir: string,
): Promise<ImportSource> {
  await mkdir(spoolDir, { recursive: true, mode: 0o700 });
  const dir = await mkdtemp(join(spoolDir, "import-"));
  const source = {
    path: join(dir, "archive"),
    sent: true,
    allPlatforms: requests.first.allPlatforms,
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
  try {
    await using file = await open(source.path, "wx", 0o600);
    await file.writeFile(chunkOf(requests.first));
    for await (const request of requests.rest) await file.writeFile(chunkOf(request));
    return source;
  } catch (error) {
    await source[Symbol.asyncDispose]();
    throw error;
  }
}

function chunkOf(request: berthV1.ImportImageRequest): Uint8Array {
  if (request.chunk === undefined)
    throw new BerthServiceError("import: a path must be the first and only message");
  return request.chunk;
}
