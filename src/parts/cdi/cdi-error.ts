import { BerthError } from "../../ground/errors/index.ts";

export class CdiError extends BerthError {}
