import { chmod, chown, mkdir, stat } from "node:fs/promises";
import { ignoreMissing } from "../../ground/fs/index.ts";
import type { GivenMount } from "./activation.ts";
import { MountsError } from "./mounts-error.ts";
import type { Roots } from "./roots.ts";

const prefix = "X-containerd.mkdir.";

/**
 * Makes the directories that the options `X-containerd.mkdir.path=PATH[:MODE[:UID:GID]]` name (0700 and
 * root's unless they say otherwise), below the roots, and takes the options out. One that is there gets the
 * mode and owner that are named. Throws MountsError InvalidArgument.
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
  // The daemon's umask has taken bits away.
  if (mode !== undefined) await chmod(path, mode);
  if (uid !== undefined) await chown(path, Number(uid), Number(gid));
}
