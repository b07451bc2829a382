/**
 * Regular expressions from clients and configuration files, in Go's syntax (RE2); like Go's, they take time
 * linear in the text. With JavaScript's own, anybody who chooses one could block the daemon.
 */
import { createRequire } from "node:module";
import type * as Re2 from "re2js";

export type Pattern = { test(text: string): boolean };

/**
 * Throws if the text is not a regular expression. The library takes a MiB, so it is loaded with the first
 * pattern: most daemons never have one.
 */
export function compilePattern(text: string): Pattern {
  const { RE2JS } = createRequire(import.meta.url)("re2js") as typeof Re2;
  return RE2JS.compile(text);
}
