import { closeSync, openSync } from "node:fs";
import { mount, unmount } from "../ground/linux/index.ts";

/**
 * A mounted file system that answers nothing, as NFS whose server is gone. Disposing of it fails what waits
 * for it. Needs root.
 */
export type DeadFileSystem = AsyncDisposable & { readonly path: string };

/**
 * Mounts a FUSE file system that nobody serves on an empty directory, which nobody may look at from then on.
 */
export async function deadFileSystem(path: string): Promise<DeadFileSystem> {
  await using undo = new AsyncDisposableStack();
  const fd = openSync("/dev/fuse", "r+");
  // The kernel then gives all requests up.
  undo.defer(() => closeSync(fd));
  await mount({
    source: "dead",
    target: path,
    type: "fuse",
    data: `fd=${fd},rootmode=40000,user_id=0,group_id=0`,
  });
  undo.defer(() => unmount(path, { detach: true }));
  const made = undo.move();
  return { path, [Symbol.asyncDispose]: () => made.disposeAsync() };
}
