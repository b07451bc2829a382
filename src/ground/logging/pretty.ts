import { createRequire } from "node:module";
import type PinoPretty from "pino-pretty";

type Destination = { write(line: string): void };

/** Turns pino's JSON lines into lines for people, in the caller's thread and at once, so that none is lost at exit. */
export function prettyDestination(
  destination: Destination,
  options: { readonly colorize: boolean },
): Destination {
  // Loaded only here: it costs a daemon that logs JSON 40 ms and 12 MiB.
  const { prettyFactory } = createRequire(import.meta.url)("pino-pretty") as typeof PinoPretty;
  const format = prettyFactory({
    colorize: options.colorize,
    translateTime: "SYS:HH:MM:ss.l",
    singleLine: true,
  });
  return { write: (line) => destination.write(format(line)) };
}
