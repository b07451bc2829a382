import { fromByteString } from "../../../ground/linux/index.ts";
import { CheckpointError } from "../checkpoint-error.ts";

/**
 * A path for the list of deleted files, which is JSON. Throws CheckpointError FailedPrecondition if it is not
 * UTF-8.
 */
export function deletedPath(path: string): string {
  const text = fromByteString(path);
  if (text.includes("\uFFFD")) {
    throw new CheckpointError(
      "FailedPrecondition",
      `the container deleted ${JSON.stringify(text)} from its image: a checkpoint cannot record this, as the name is not UTF-8`,
    );
  }
  return `/${text}`;
}
