import { chmod, chown, mkdir, stat } from "node:fs/promises";
import { ignoreMissing } from "../../ground/fs/index.ts";
import type { GivenMount } from "./activation.ts";
import { MountsError } from "./mounts-error.ts";
import type { Roots } from "./roots.ts";

const prefix = "X-containerd.mkdir.";

/**
 * Creates the directories in the options `X-containerd.mkdir.path=PATH[:MODE[:UID:GID]]` (by default 0700 and
 * root's), below the roots, and removes the options. Existing ones get the given mode and owner. Throws
 * MountsError InvalidArgument.
 */
export async function makeDirectories(mount: GivenMount, roots: Roots): Promise<GivenMount> {
  for (const option of mount.options) if (option.startsWith(prefix)) await make(option, roots);
  return { ...mount, options: mount.options.filter((option) => !option.startsWith(prefix)) };
}

async function make(option: string, roots: Roots): Promise<void> {
  const match = /^path=([^:]+)(?::([0-7]{1,4})(?::(\d{1,10}):(\d{1,10}))?)?$/.exec(
    option.slice(prefix.length),
  );
  if (match === null)
    throw new MountsError(
      "InvalidArgument",
      `${JSON.stringify(option)}: give ${prefix}path=PATH[:MODE[:UID:GID]]`,
    );
  const [, given = "", octal, uid, gid] = match;
  const path = await roots.check(given);
  const mode = octal === undefined ? undefined : Number.parseInt(octal, 8);
  const found = await stat(path).catch(ignoreMissing);
  if (found !== undefined && !found.isDirectory())
    throw new MountsError("InvalidArgument", `${JSON.stringify(given)} exists and is not a directory`);
  if (found === undefined) await mkdir(path, { mode: mode ?? 0o700 });
  // The daemon's umask has cleared bits.
  if (mode !== undefined) await chmod(path, mode);
  if (uid !== undefined) await chown(path, Number(uid), Number(gid));
}
