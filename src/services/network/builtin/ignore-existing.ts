import { isErrno } from "../../../ground/fs/index.ts";

/** Runs what makes something that others may make at the same time. */
export function ignoreExisting(make: () => void): void {
  try {
    make();
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
  }
}
