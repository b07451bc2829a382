import { hasCode } from "../../ground/errors/index.ts";

/** Docker's answer; undefined if it is NotFound. */
export async function orNotFound<T>(work: Promise<T>): Promise<T | undefined> {
  return await work.catch((error: unknown) => {
    if (!hasCode(error, "NotFound")) throw error;
    return undefined;
  });
}
