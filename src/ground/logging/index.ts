/**
 * Logging: structured lines to standard error, JSON for machines or pretty for people, with the id of the
 * current request on every line. A *logger* is created once in `daemon/` and passed to constructors;
 * `logger.child({pod})` adds fields. Errors are logged as `logger.error({ err }, "what was being done")`.
 *
 * Writing never blocks the main thread, and if standard error is stuck or full, lines are lost, but the
 * daemon continues. Pending lines are flushed at exit. Credentials must not be logged: rooms do not pass them
 * on, and as a second line of defence, keys that look like credentials are removed here. This room imports no
 * other.
 */
export {
  createLogger,
  type Logger,
  type LoggerOptions,
  type LogLevel,
  logLevels,
  runWithRequestId,
} from "./logger.ts";
export { type UnusableFile, UnusableFiles } from "./unusable-files.ts";
