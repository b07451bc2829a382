import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import { Writable } from "node:stream";
import { makeDirectories } from "../../../ground/directories/index.ts";
import type { LookUp } from "../../../ground/hostpaths/index.ts";
import { RuntimeError } from "../runtime-error.ts";
import { openLookedUp } from "./open-look-up.ts";

/** A client's file that a process's output is appended to: see ClientOutput. */
export async function openForAppending(path: string, lookUp: LookUp): Promise<FileHandle> {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK, O_NOCTTY } = constants;
  return await openLookedUp(path, lookUp, async () => {
    await makeDirectories(dirname(path), 0o755).catch(unusable);
    // O_NONBLOCK: opening anything but a regular file must not wait; for a regular file, it has no effect.
    const end = await open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY, 0o640).catch(
      unusable,
    );
    try {
      if ((await end.stat()).isFile()) return end;
      throw unusable(new Error("it is not a regular file"));
    } catch (error) {
      await end.close();
      throw error;
    }
  });

  function unusable(cause: Error): never {
    throw new RuntimeError(
      "InvalidArgument",
      `cannot write a process's output to ${JSON.stringify(path)}: ${cause.message}`,
      { cause },
    );
  }
}

/**
 * Appends what is written to it to the file, which it closes. What a full disk or a failing one does not take
 * is lost, and the writer continues.
 */
export function appendingTo(file: FileHandle): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      const next = () => done();
      file.writeFile(chunk).then(next, next);
    },
    destroy(error, done) {
      const closed = () => done(error);
      file.close().then(closed, closed);
    },
  });
}
