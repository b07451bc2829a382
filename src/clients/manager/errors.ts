import { BerthError } from "../../ground/errors/index.ts";
import { type ObjectKey, titleOf } from "./objects.ts";

/** An operation on an object that the manager cannot do. */
export class ManagerError extends BerthError {}

export function notFound(key: ObjectKey): ManagerError {
  return new ManagerError("NotFound", `${titleOf(key)} not found`);
}
