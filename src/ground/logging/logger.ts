import { isatty } from "node:tty";
import pino from "pino";
import { DescriptorDestination } from "./destination.ts";
import { prettyDestination } from "./pretty.ts";
import { redaction } from "./redaction.ts";
import { requestFields } from "./request-id.ts";

const standardError = 2;

/** pino's logger: `logger.info(fields, message)`, `logger.child(fields)`, `logger.level` to read or change the level. */
export type Logger = pino.Logger;

/** From the most to the least; `silent` writes nothing. */
export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

export type LogLevel = (typeof logLevels)[number];

export type LoggerOptions = {
  readonly level: LogLevel;
  readonly format: "json" | "pretty";
  /** Takes whole lines, each with its newline. Standard error unless given. */
  readonly destination?: { write(line: string): void };
};

/** Makes the logger that all others are children of. */
export function createLogger({ level, format, destination }: LoggerOptions): Logger {
  const lines = destination ?? new DescriptorDestination(standardError);
  const options: pino.LoggerOptions = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    mixin: requestFields,
    redact: redaction,
  };
  if (format === "json") return pino(options, lines);
  return pino(
    options,
    prettyDestination(lines, { colorize: destination === undefined && isatty(standardError) }),
  );
}
