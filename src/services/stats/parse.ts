import type { Pressure, PressureLine } from "./usage.ts";

/** The kernel's formats of figures (https://docs.kernel.org/admin-guide/cgroup-v2.html#conventions). */

/** One number; undefined for "max", which is no limit, and for a missing file. */
export function single(text: string | undefined): bigint | undefined {
  const trimmed = text?.trim();
  return trimmed === undefined || !/^\d+$/.test(trimmed) ? undefined : BigInt(trimmed);
}

/** Lines of `KEY VALUE`. */
export class FlatKeyed {
  readonly #values = new Map<string, string>();

  constructor(text: string) {
    for (const line of text.split("\n")) {
      const blank = line.indexOf(" ");
      if (blank > 0) this.#values.set(line.slice(0, blank), line.slice(blank + 1));
    }
  }

  /** 0 if this kernel does not write the key. */
  get(key: string): bigint {
    return BigInt(this.#values.get(key) ?? 0);
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }
}

/**
 * The lines of a pressure file; undefined for anything else. A missing `full` (CPU before Linux 5.13) is
 * zero.
 */
export function parsePressure(text: string | undefined): Pressure | undefined {
  const some = pressureLine(text, "some");
  if (some === undefined) return undefined;
  return { some, full: pressureLine(text, "full") ?? { avg10: 0, avg60: 0, avg300: 0, totalUs: 0n } };
}

function pressureLine(text: string | undefined, name: string): PressureLine | undefined {
  const form = new RegExp(`^${name} avg10=([\\d.]+) avg60=([\\d.]+) avg300=([\\d.]+) total=(\\d+)$`, "m");
  const [, avg10, avg60, avg300, total] = form.exec(text ?? "") ?? [];
  if (total === undefined) return undefined;
  return { avg10: Number(avg10), avg60: Number(avg60), avg300: Number(avg300), totalUs: BigInt(total) };
}

/** A cgroup's I/O on one block device, by the keys of io.stat: rbytes, wbytes, rios, wios. */
export type DeviceFigures = ReadonlyMap<string, bigint>;

/** Lines of `MAJOR:MINOR KEY=VALUE ...`, as in io.stat, by device. */
export function parseIoStat(text: string): ReadonlyMap<string, DeviceFigures> {
  const devices = new Map<string, DeviceFigures>();
  for (const line of text.split("\n")) {
    const [device = "", ...pairs] = line.split(" ");
    if (!/^\d+:\d+$/.test(device) || !line.includes("=")) continue;
    const figures = pairs.map((pair): [string, bigint] => {
      const [key = "", value = ""] = pair.split("=");
      return [key, single(value) ?? 0n];
    });
    devices.set(device, new Map(figures));
  }
  return devices;
}

/** One line of version 1's blkio files: `MAJOR:MINOR OPERATION VALUE`. */
export type BlkioEntry = {
  readonly device: string;
  readonly operation: string;
  readonly value: bigint;
};

/** Without the total of all devices, a line that names no device. */
export function parseBlkioEntries(text: string): readonly BlkioEntry[] {
  return text.split("\n").flatMap((line) => {
    const [, device = "", operation = "", value] = /^(\d+:\d+) (\w+) (\d+)$/.exec(line) ?? [];
    return value === undefined ? [] : [{ device, operation, value: BigInt(value) }];
  });
}

/** Bytes or operations of reads and writes, by device. */
export function parseBlkio(
  text: string,
): ReadonlyMap<string, { readonly read: bigint; readonly write: bigint }> {
  const devices = new Map<string, { read: bigint; write: bigint }>();
  for (const { device, operation, value } of parseBlkioEntries(text)) {
    if (operation !== "Read" && operation !== "Write") continue;
    const figures = devices.get(device) ?? { read: 0n, write: 0n };
    figures[operation === "Read" ? "read" : "write"] = value;
    devices.set(device, figures);
  }
  return devices;
}
