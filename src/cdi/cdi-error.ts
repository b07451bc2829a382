import { BerthError } from "../errors/index.ts";

export class CdiError extends BerthError {}
