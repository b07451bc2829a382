import { BerthError } from "../../ground/errors/index.ts";
import { type ObjectKey, titleOf } from "./objects.ts";

/** What the manager cannot do with an object. */
export class ManagerError extends BerthError {}

export function notFound(key: ObjectKey): ManagerError {
  return new ManagerError("NotFound", `${titleOf(key)} not found`);
}
