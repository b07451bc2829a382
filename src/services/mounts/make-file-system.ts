import { execFile } from "node:child_process";
import { open, rm } from "node:fs/promises";
import { promisify } from "node:util";
import { isErrno } from "../../ground/fs/index.ts";
import type { GivenMount } from "./activation.ts";
import { MountsError } from "./mounts-error.ts";
import type { Roots } from "./roots.ts";

const prefix = "X-containerd.mkfs.";
const units: Readonly<Record<string, number>> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** The mkfs programs' options for a UUID, by kind. */
const kinds: Readonly<Record<string, (uuid: string) => readonly string[]>> = {
  ext2: (uuid) => ["-U", uuid],
  ext3: (uuid) => ["-U", uuid],
  ext4: (uuid) => ["-U", uuid],
  xfs: (uuid) => ["-m", `uuid=${uuid}`],
};

/**
 * Creates a mount's source, a file with an empty file system, from the options `X-containerd.mkfs.size=SIZE`,
 * `.fs=KIND` (default ext4) and `.uuid=UUID`, below the roots, and removes the options. An existing file is
 * not changed. Runs `mkfs.KIND`. Throws MountsError InvalidArgument, FailedPrecondition.
 */
export async function makeFileSystem(
  mount: GivenMount,
  roots: Roots,
  signal?: AbortSignal,
): Promise<GivenMount> {
  const asked = new Map(
    mount.options.flatMap((option) => {
      if (!option.startsWith(prefix)) return [];
      const [key = "", value = ""] = option.slice(prefix.length).split("=");
      return [[key, value] as const];
    }),
  );
  for (const key of asked.keys())
    if (!["size", "fs", "uuid"].includes(key))
      throw new MountsError("InvalidArgument", `${prefix}${key}: give size, fs or uuid`);
  const size = bytesOf(asked.get("size") ?? "");
  const kind = asked.get("fs") ?? "ext4";
  const uuidArguments = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  if (uuidArguments === undefined)
    throw new MountsError(
      "InvalidArgument",
      `${prefix}fs: ${JSON.stringify(kind)}; give one of ${Object.keys(kinds).join(", ")}`,
    );
  const uuid = asked.get("uuid") ?? "";
  const path = await roots.check(mount.source);
  const args = ["-q", ...(uuid === "" ? [] : uuidArguments(uuid)), path];
  await make(path, size, { program: `mkfs.${kind}`, args, signal });
  return { ...mount, options: mount.options.filter((option) => !option.startsWith(prefix)) };
}

function bytesOf(text: string): number {
  const [, digits, unit = ""] = /^(\d{1,12})([kmgt]?)(?:i?b)?$/i.exec(text) ?? [];
  if (digits === undefined || Number(digits) === 0)
    throw new MountsError("InvalidArgument", `${prefix}size=${text}: give a size such as 64MiB`);
  return Number(digits) * (units[unit.toLowerCase()] ?? 1);
}

type Making = {
  readonly program: string;
  readonly args: readonly string[];
  readonly signal: AbortSignal | undefined;
};

async function make(path: string, size: number, { program, args, signal }: Making): Promise<void> {
  try {
    await using file = await open(path, "wx", 0o640);
    await file.truncate(size);
  } catch (error) {
    if (isErrno(error, "EEXIST")) return;
    throw error;
  }
  try {
    await promisify(execFile)(program, args, { ...(signal && { signal }) });
  } catch (cause) {
    await rm(path);
    signal?.throwIfAborted();
    throw new MountsError("FailedPrecondition", `${program} ${path}: ${saidBy(cause)}`, { cause });
  }
}

function saidBy(error: unknown): string {
  const { stderr = "", message } = error as { readonly stderr?: string; readonly message: string };
  return stderr.trim() === "" ? message : stderr.trim();
}
