import { RE2JS } from "re2js";

/** A regular expression of an administrator's, that looks for itself anywhere in a text. */
export type Pattern = { readonly test: (text: string) => boolean };

/**
 * Reads a pattern as Go's regexp does, by which podman and CRI-O match the same files (POSIX character
 * classes and all). The texts are chosen by whoever makes a pod: like Go's, and unlike JavaScript's own, this
 * never tries again, and takes a time that grows with the text's length alone. Throws an error with `what`
 * for a pattern that is none.
 */
export function compilePattern(text: string, what: string): Pattern {
  try {
    const compiled = RE2JS.compile(text);
    return { test: (subject) => compiled.test(subject) };
  } catch (cause) {
    throw new Error(`${what}: ${JSON.stringify(text)} is not a regular expression`, { cause });
  }
}
