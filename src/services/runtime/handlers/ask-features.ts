import { ask } from "./ask.ts";
import type { Handler } from "./handler.ts";

const answerMs = 20_000;

/**
 * The answer of a handler's program to `features` (runtime-spec, features.md), in JSON. Undefined for one
 * that does not know the command, as crun before 1.9, or does not answer.
 */
export async function askFeatures({ path, usability }: Handler): Promise<Uint8Array | undefined> {
  if (usability.kind === "unusable") return undefined;
  const { stdout, failure } = await ask(path, "features", answerMs);
  return failure === undefined ? Buffer.from(stdout) : undefined;
}
