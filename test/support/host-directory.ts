import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { tempDir } from "../../src/testing/temp-dir.ts";

const run = promisify(execFile);

/** A directory of the host with a file and a directory, on its own mount with the given propagation. */
export async function hostDirectory(propagation: "private" | "slave" | "shared") {
  await using made = new AsyncDisposableStack();
  const directory = made.use(await tempDir());
  const path = join(directory.path, "source");
  const bind = async (source: string, target: string, kind: string) => {
    await run("mount", ["--bind", source, target]);
    made.defer(async () => {
      await run("umount", ["--recursive", "--lazy", target]);
    });
    await run("mount", [`--make-${kind}`, target]);
  };
  // If the machine's own mounts are shared, a mount below them would have copies.
  await bind(directory.path, directory.path, "private");
  await mkdir(path);
  if (propagation === "slave") {
    // It needs a master: the mount of which it is a copy.
    const master = join(directory.path, "master");
    await mkdir(master);
    await bind(master, master, "shared");
    await bind(master, path, "slave");
  } else await bind(path, path, propagation);
  await mkdir(join(path, "below"));
  await writeFile(join(path, "file"), "on the host");
  const all = made.move();
  return { path, [Symbol.asyncDispose]: () => all.disposeAsync() };
}
