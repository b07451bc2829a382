import { AsyncLocalStorage } from "node:async_hooks";
import { createRequire } from "node:module";
import { isatty } from "node:tty";
import pino from "pino";
import type PinoPretty from "pino-pretty";
import { DescriptorDestination } from "./destination.ts";
import { redact } from "./redact.ts";

const standardError = 2;

/**
 * pino's logger: `logger.info(fields, message)`, `logger.child(fields)`, `logger.level` to read or change the
 * level.
 */
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
    formatters: {
      level: (label) => ({ level: label }),
      log: withoutSecrets,
    },
    serializers: { err: (error: Error) => redact(pino.stdSerializers.err(error), 2) },
    mixin: requestFields,
  };
  const colorize = destination === undefined && isatty(standardError);
  const logger = pino(options, format === "json" ? lines : prettyDestination(lines, { colorize }));
  const { child } = logger;
  // A child has no formatters for its own fields. Children of children get this by their prototype.
  return Object.assign(logger, {
    child(this: Logger, fields: pino.Bindings) {
      return child.call(this, redact(fields));
    },
  });
}

/** An error has its fields only when it is serialized. */
function withoutSecrets(fields: Record<string, unknown>): Record<string, unknown> {
  if (fields.err === undefined) return redact(fields);
  const { err, ...others } = fields;
  return { ...redact(others), err };
}

type Destination = { write(line: string): void };

/**
 * Turns pino's JSON lines into lines for people, in the caller's thread and at once, so that none is lost at
 * exit.
 */
function prettyDestination(destination: Destination, options: { readonly colorize: boolean }): Destination {
  // Loaded only here: it costs a daemon that logs JSON 40 ms and 12 MiB.
  const { prettyFactory } = createRequire(import.meta.url)("pino-pretty") as typeof PinoPretty;
  const format = prettyFactory({
    colorize: options.colorize,
    translateTime: "SYS:HH:MM:ss.l",
    singleLine: true,
  });
  return { write: (line) => destination.write(format(line)) };
}

const requestIds = new AsyncLocalStorage<string>();

/** Runs `fn`; every line logged by it, and by what it awaits or starts, has `requestId: id`. */
export function runWithRequestId<T>(id: string, fn: () => T): T {
  return requestIds.run(id, fn);
}

/** What the logger adds to each line. */
function requestFields(): { readonly requestId?: string } {
  const requestId = requestIds.getStore();
  return requestId === undefined ? {} : { requestId };
}
