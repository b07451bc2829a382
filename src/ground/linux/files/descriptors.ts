import { callAsync, check, libcFunction } from "../libc.ts";

const closeCall = libcFunction("int close(int fd)");

/**
 * close(2) for descriptors that a libc call made. In a worker thread, node:fs closes only what it opened
 * itself without complaint.
 */
export function closeDescriptor(fd: number): void {
  check("close", closeCall(fd), `descriptor ${fd}`);
}

/** The same on the thread pool, where closing does work that may block. */
export async function closeDescriptorAsync(fd: number): Promise<void> {
  await callAsync("close", closeCall, [fd], `descriptor ${fd}`);
}
