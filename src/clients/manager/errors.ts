import { BerthError } from "../../ground/errors/index.ts";

/** What the manager cannot do with an object. */
export class ManagerError extends BerthError {}
