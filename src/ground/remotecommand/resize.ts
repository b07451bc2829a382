import type { Readable } from "node:stream";

/** In characters, at most 65,535. */
export type TerminalSize = { readonly width: number; readonly height: number };

/** No size is longer. */
const MAX_PENDING_CHARS = 1_024;

/**
 * The terminal sizes in a resize stream: a sequence of JSON objects, in chunks of any length. Ends with the
 * stream, if the connection breaks, and at the first invalid size.
 */
export async function* terminalSizes(
  resize: Readable | undefined,
): AsyncGenerator<TerminalSize, void, undefined> {
  if (resize === undefined) return;
  let pending = "";
  try {
    for await (const chunk of resize) {
      pending += String(chunk);
      const objects = pending.split(/(?<=\})/);
      pending = objects.at(-1)?.endsWith("}") ? "" : (objects.pop() ?? "");
      for (const object of objects) {
        const size = parseSize(object);
        if (size === undefined) return;
        yield size;
      }
      if (pending.length > MAX_PENDING_CHARS) return;
    }
  } catch {
    // The connection broke. The command is notified by its signal.
  }
}

/** The text of one size in the resize stream. */
export function encodeTerminalSize({ width, height }: TerminalSize): string {
  return `${JSON.stringify({ Width: width, Height: height })}\n`;
}

function parseSize(text: string): TerminalSize | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    const { Width: width, Height: height } = value as { Width?: unknown; Height?: unknown };
    return isDimension(width) && isDimension(height) ? { width, height } : undefined;
  } catch {
    return undefined;
  }
}

/** The kernel stores 16 bits. */
function isDimension(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 0xffff;
}
