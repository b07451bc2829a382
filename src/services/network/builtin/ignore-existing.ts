import { isErrno } from "../../../ground/fs/index.ts";

/** Runs `make`, and ignores EEXIST: others may create the same object at the same time. */
export function ignoreExisting(make: () => void): void {
  try {
    make();
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
  }
}
