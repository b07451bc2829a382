import type { Readable, Writable } from "node:stream";

/**
 * Copies to a process's input, with back-pressure, until the source or the sink ends or the result is
 * disposed. Input after the process has closed its end is discarded, so that the sender never waits. `onEnd`
 * is called when no more input will come, after an end or an error; it may be called twice.
 */
export function copyInput(source: Readable, sink: Writable, onEnd: () => void): Disposable {
  const discard = () => {
    source.unpipe(sink);
    source.resume();
  };
  const ignore = () => undefined;
  // The pipe has no reader; its close event follows.
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
