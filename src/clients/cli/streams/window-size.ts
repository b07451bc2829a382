import type { TerminalSize } from "../../streamclient/index.ts";
import type { Io, OutputStream } from "../invocation.ts";

/**
 * Calls with the size of our terminal, now and whenever it changes, until it is disposed of. Without a terminal it never calls.
 * With `redraw` it begins with another size: a program that runs already draws again only when the size changes.
 */
export function followWindowSize(
  { stdout, stderr }: Io,
  onSize: (size: TerminalSize) => void,
  { redraw = false } = {},
): Disposable {
  const output = [stdout, stderr].find(({ isTTY }) => isTTY === true);
  const report = () => {
    const size = output && windowSize(output);
    if (size !== undefined) onSize(size);
  };
  const now = output && windowSize(output);
  if (now !== undefined && redraw) onSize({ ...now, height: now.height + 1 });
  report();
  output?.on("resize", report);
  return { [Symbol.dispose]: () => void output?.off("resize", report) };
}

/** A terminal that was never told its size says 0. */
function windowSize({ columns = 0, rows = 0 }: OutputStream): TerminalSize | undefined {
  return columns > 0 && rows > 0 ? { width: columns, height: rows } : undefined;
}
