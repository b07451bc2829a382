import { BerthError } from "../../ground/errors/index.ts";

/** Thrown by the door itself: InvalidArgument for an invalid request, Unknown where kubelets expect that. */
export class CriError extends BerthError {}
