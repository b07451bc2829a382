/**
 * Logging: structured lines to standard error, JSON for machines or pretty for people, with the id of the
 * request being handled on every line. A *logger* is made once in `daemon/` and handed down by constructors;
 * `logger.child({pod})` adds fields. Errors are logged as `logger.error({ err }, "what was being done")`.
 *
 * Writing never blocks the main thread, and a standard error that is stuck or full loses lines, never the
 * daemon. What is not written yet is flushed when the process exits. Nothing here may log credentials: keys
 * that look like one are blotted out, as a second line of defence behind rooms that do not log them at all.
 * This room imports no other.
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
