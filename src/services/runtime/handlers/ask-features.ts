import { ask } from "./ask.ts";
import type { Handler } from "./handler.ts";

const answerMs = 20_000;

/**
 * The output of a handler's program for `features` (runtime-spec, features.md), in JSON. Undefined if it does
 * not know the command, like crun before 1.9, or does not respond.
 */
export async function askFeatures({ path, usability }: Handler): Promise<Uint8Array | undefined> {
  if (usability.kind === "unusable") return undefined;
  const { stdout, failure } = await ask(path, "features", answerMs);
  return failure === undefined ? Buffer.from(stdout) : undefined;
}
