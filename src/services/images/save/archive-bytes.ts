import { createReadStream } from "node:fs";
import { type TarEntry, tarEnd, tarHeader, tarPadding } from "../../../parts/tar/index.ts";
import { ImageError } from "../image-error.ts";

/** The content of a file in an archive: bytes, or a file of that size. */
export type ArchiveFile = {
  readonly name: string;
  readonly content: Uint8Array | { readonly path: string; readonly sizeBytes: number };
};

const chunkBytes = 1024 * 1024;

/**
 * Writes a tar archive of files and their directories. Equal files give equal bytes. Throws ImageError
 * DataLoss.
 */
export async function* archiveBytes(
  files: readonly ArchiveFile[],
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const directories = new Set(files.flatMap(({ name }) => directoriesOf(name)));
  yield Buffer.concat([...directories].map((name) => tarHeader(entryOf(name, "directory", 0))));
  for (const { name, content } of files) {
    const sizeBytes = content instanceof Uint8Array ? content.length : content.sizeBytes;
    yield tarHeader(entryOf(name, "file", sizeBytes));
    if (content instanceof Uint8Array) yield content;
    else yield* fileBytes(content, name, signal);
    yield tarPadding(sizeBytes);
  }
  yield tarEnd;
}

/** The directories of a path: for `a/b/c`, `a` and `a/b`. */
function directoriesOf(name: string): readonly string[] {
  const parts = name.split("/").slice(0, -1);
  return parts.map((_, position) => parts.slice(0, position + 1).join("/"));
}

function entryOf(name: string, type: "file" | "directory", sizeBytes: number): TarEntry {
  return {
    name,
    type,
    mode: type === "file" ? 0o644 : 0o755,
    uid: 0,
    gid: 0,
    mtime: { seconds: 0, nanoseconds: 0 },
    sizeBytes,
    target: "",
    major: 0,
    minor: 0,
    xattrs: new Map(),
  };
}

/** Exactly as many bytes as the header says: a truncated file would make everything after it unreadable. */
async function* fileBytes(
  { path, sizeBytes }: { readonly path: string; readonly sizeBytes: number },
  name: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let read = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes, signal })) {
    const bytes: Uint8Array = chunk;
    read += bytes.length;
    if (read > sizeBytes) break;
    yield bytes;
  }
  if (read !== sizeBytes)
    throw new ImageError(
      "DataLoss",
      `${name} is damaged on disk: it does not have ${sizeBytes} bytes; remove the image and pull it again`,
    );
}
