import { release } from "node:os";

/**
 * The running kernel: `text` is its release as in uname(2), such as "6.1.0-18-amd64"; the numbers are for
 * comparisons.
 */
export type KernelRelease = { readonly text: string; readonly major: number; readonly minor: number };

/** The release that uname(2) reports. */
export function kernelRelease(): KernelRelease {
  const text = release();
  const [major, minor] = text.split(".").map((part) => Number.parseInt(part, 10));
  return { text, major: major ?? 0, minor: minor ?? 0 };
}

/** True if the kernel is `major.minor` or newer. */
export function isAtLeast(kernel: KernelRelease, major: number, minor: number): boolean {
  return kernel.major > major || (kernel.major === major && kernel.minor >= minor);
}
