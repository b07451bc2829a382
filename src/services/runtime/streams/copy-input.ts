import type { Readable, Writable } from "node:stream";

/**
 * Copies to a process's input, with back-pressure, until the source or the sink ends or the result is
 * disposed of. What comes after the process has closed its end is thrown away, so that the sender never waits
 * for it. `onEnd` is called when no more will come, by an end or a break; it may be called twice.
 */
export function copyInput(source: Readable, sink: Writable, onEnd: () => void): Disposable {
  const discard = () => {
    source.unpipe(sink);
    source.resume();
  };
  const ignore = () => undefined;
  // A pipe without a reader; its close follows.
  sink.on("error", ignore);
  sink.once("close", discard);
  // For a duplex stream, the end of reading is not its close.
  for (const event of ["end", "close"]) source.once(event, onEnd);
  source.pipe(sink, { end: false });
  if (source.destroyed) onEnd();
  return {
    [Symbol.dispose]: () => {
      for (const event of ["end", "close"]) source.off(event, onEnd);
      sink.off("error", ignore);
      sink.off("close", discard);
      source.unpipe(sink);
    },
  };
}
