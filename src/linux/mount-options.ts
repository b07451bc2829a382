import { mountFlags } from "./mount-flags.ts";

type FlagChange = { readonly set: number } | { readonly clear: number };

const flagOptions: Readonly<Record<string, FlagChange>> = {
  defaults: { set: 0 },
  ro: { set: mountFlags.readonly },
  rw: { clear: mountFlags.readonly },
  nosuid: { set: mountFlags.nosuid },
  suid: { clear: mountFlags.nosuid },
  nodev: { set: mountFlags.nodev },
  dev: { clear: mountFlags.nodev },
  noexec: { set: mountFlags.noexec },
  exec: { clear: mountFlags.noexec },
  sync: { set: mountFlags.synchronous },
  async: { clear: mountFlags.synchronous },
  dirsync: { set: mountFlags.dirsync },
  remount: { set: mountFlags.remount },
  noatime: { set: mountFlags.noatime },
  atime: { clear: mountFlags.noatime },
  nodiratime: { set: mountFlags.nodiratime },
  diratime: { clear: mountFlags.nodiratime },
  relatime: { set: mountFlags.relatime },
  norelatime: { clear: mountFlags.relatime },
  strictatime: { set: mountFlags.strictatime },
  lazytime: { set: mountFlags.lazytime },
  bind: { set: mountFlags.bind },
  rbind: { set: mountFlags.bind | mountFlags.recursive },
};

/** Options in the words of mount(8), split into the flags of mount(2) and what the file system itself gets as data. */
export function parseMountOptions(options: readonly string[]): {
  readonly flags: number;
  readonly data: readonly string[];
} {
  let flags = 0;
  const data: string[] = [];
  for (const option of options) {
    const change = Object.hasOwn(flagOptions, option) ? flagOptions[option] : undefined;
    if (change === undefined) data.push(option);
    else flags = "set" in change ? flags | change.set : flags & ~change.clear;
  }
  return { flags, data };
}
