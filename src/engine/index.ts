/**
 * The engine interface: the wall between the doors (`cri/`, `streaming/`) and what runs pods (`pods/`). Types and one error; no behaviour.
 */
import { BerthError } from "../errors/index.ts";

export type * from "./engine.ts";
export type * from "./stats.ts";
export type * from "./streams.ts";

/** Thrown by engines. */
export class EngineError extends BerthError {}
