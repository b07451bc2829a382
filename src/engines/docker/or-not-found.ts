import { hasCode } from "../../ground/errors/index.ts";

/** What Docker answers; undefined where it does not have what it was asked for. */
export async function orNotFound<T>(work: Promise<T>): Promise<T | undefined> {
  return await work.catch((error: unknown) => {
    if (!hasCode(error, "NotFound")) throw error;
    return undefined;
  });
}
