import type { TestEntry } from "../../src/testing/images.ts";
import { programFiles } from "./program-files.ts";

/**
 * A layer with perl and its libraries: part of every Debian (perl-base), and able to make any system call by
 * its number.
 */
export function perlLayer(): Promise<readonly TestEntry[]> {
  return programFiles("/usr/bin/perl");
}
