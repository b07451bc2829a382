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

/** From most to least verbose; `silent` writes nothing. */
export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

export type LogLevel = (typeof logLevels)[number];

export type LoggerOptions = {
  readonly level: LogLevel;
  readonly format: "json" | "pretty";
  /** Takes complete lines, each with its newline. Standard error by default. */
  readonly destination?: { write(line: string): void };
};

/** Creates the root logger. */
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
  // Formatters do not apply to a child's own fields. Children of children inherit this through the prototype.
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
 * Formats pino's JSON lines for people, synchronously in the caller's thread, so that none is lost at exit.
 */
function prettyDestination(destination: Destination, options: { readonly colorize: boolean }): Destination {
  // Loaded only here: it would cost a daemon that logs JSON 40 ms and 12 MiB.
  const { prettyFactory } = createRequire(import.meta.url)("pino-pretty") as typeof PinoPretty;
  const format = prettyFactory({
    colorize: options.colorize,
    translateTime: "SYS:HH:MM:ss.l",
    singleLine: true,
  });
  return { write: (line) => destination.write(format(line)) };
}

const requestIds = new AsyncLocalStorage<string>();

/** Runs `fn`; every line that it, or anything it starts, logs has `requestId: id`. */
export function runWithRequestId<T>(id: string, fn: () => T): T {
  return requestIds.run(id, fn);
}

/** What the logger adds to each line. */
function requestFields(): { readonly requestId?: string } {
  const requestId = requestIds.getStore();
  return requestId === undefined ? {} : { requestId };
}
