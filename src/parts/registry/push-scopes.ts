import type { Reference } from "../oci/index.ts";
import { mergeScopes } from "./scopes.ts";

/** What a token must be good for to push into the repository and to take blobs from others. */
export function pushScopes({ repository }: Reference, mountFrom: readonly string[] = []): readonly string[] {
  return mergeScopes([
    `repository:${repository}:pull,push`,
    ...mountFrom.map((other) => `repository:${other}:pull`),
  ]);
}
