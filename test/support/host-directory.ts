import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { tempDir } from "../../src/testing/temp-dir.ts";

const run = promisify(execFile);

/** A directory of the host with a file and a directory, on a mount of its own that propagates as given. */
export async function hostDirectory(propagation: "private" | "slave" | "shared") {
  await using made = new AsyncDisposableStack();
  const { path } = made.use(await tempDir());
  const bind = async (kind: string) => {
    await run("mount", ["--bind", path, path]);
    made.defer(async () => {
      await run("umount", ["--recursive", "--lazy", path]);
    });
    await run("mount", [`--make-${kind}`, path]);
  };
  // Where the machine's own mounts are shared, one upon them would have copies.
  await bind("private");
  // A slave needs a master: the mount that it is a copy of.
  if (propagation === "slave") await bind("shared");
  if (propagation !== "private") await bind(propagation);
  await mkdir(join(path, "below"));
  await writeFile(join(path, "file"), "on the host");
  const all = made.move();
  return { path, [Symbol.asyncDispose]: () => all.disposeAsync() };
}
