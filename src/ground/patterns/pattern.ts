import { createRequire } from "node:module";
import type * as Re2 from "re2js";

export type Pattern = { test(text: string): boolean };

/**
 * Throws for a text that is no regular expression. The library, which takes a MiB, is loaded with the first:
 * most daemons never have one.
 */
export function compilePattern(text: string): Pattern {
  const { RE2JS } = createRequire(import.meta.url)("re2js") as typeof Re2;
  return RE2JS.compile(text);
}
