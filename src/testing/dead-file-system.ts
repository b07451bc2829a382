import { closeSync, openSync } from "node:fs";
import { mount, unmount } from "../ground/linux/index.ts";

/**
 * A mounted file system that answers nothing, as NFS whose server is gone. Needs root. Disposing of it
 * unmounts it, and fails what waits for it.
 */
export type DeadFileSystem = AsyncDisposable & {
  readonly path: string;
  /** From now on it fails whatever waits for it, or asks later, as long as it stays mounted. */
  fail(): void;
};

/**
 * Mounts a FUSE file system that nobody serves on an empty directory, which nobody may look at from then on.
 */
export async function deadFileSystem(path: string): Promise<DeadFileSystem> {
  await using undo = new AsyncDisposableStack();
  const fd = openSync("/dev/fuse", "r+");
  let open = true;
  const fail = () => {
    // The kernel then gives all requests up.
    if (open) closeSync(fd);
    open = false;
  };
  undo.defer(fail);
  await mount({
    source: "dead",
    target: path,
    type: "fuse",
    data: `fd=${fd},rootmode=40000,user_id=0,group_id=0`,
  });
  undo.defer(() => unmount(path, { detach: true }));
  const made = undo.move();
  return { path, fail, [Symbol.asyncDispose]: () => made.disposeAsync() };
}
