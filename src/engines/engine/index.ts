/**
 * The engine interface, between the doors (`cri/`, `streaming/`) and what runs pods (`pods/`). Types and one
 * error; no behaviour.
 */
import { BerthError } from "../../ground/errors/index.ts";

export type * from "./engine.ts";
export type * from "./states.ts";
export type * from "./stats.ts";
export type * from "./streams.ts";

/**
 * The containerd namespace of everything that CRI creates, by containerd's convention: its clients look there
 * for a kubelet's images.
 */
export const criNamespace = "k8s.io";

/** Thrown by engines. */
export class EngineError extends BerthError {}
