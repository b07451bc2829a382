import { randomInt } from "node:crypto";
import { RuntimeError } from "../runtime-error.ts";

/** Tried by chance before all are gone through; with the usual range half a million levels are there. */
const tries = 1000;

/**
 * A level with two categories that no other pod has ("s0:c12,c345"): what is labelled with it is out of reach
 * for all other pods. Categories are below `range`. Throws RuntimeError ResourceExhausted when all are in
 * use.
 */
export function newLevel(inUse: ReadonlySet<string>, range: number): string {
  for (let attempt = 0; attempt < tries; attempt++) {
    const [one, other] = [randomInt(range), randomInt(range)];
    const level = levelOf(Math.min(one, other), Math.max(one, other));
    if (one !== other && !inUse.has(level)) return level;
  }
  for (let low = 0; low < range; low++) {
    for (let high = low + 1; high < range; high++) {
      if (!inUse.has(levelOf(low, high))) return levelOf(low, high);
    }
  }
  throw new RuntimeError(
    "ResourceExhausted",
    `SELinux: all pairs of the ${range} categories are in use; raise security.selinux_category_range`,
  );
}

/** The lower category first: that is how the kernel writes it. */
function levelOf(low: number, high: number): string {
  return `s0:c${low},c${high}`;
}
