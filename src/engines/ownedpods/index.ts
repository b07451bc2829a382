/**
 * What is done for pods of `berth run`, which no kubelet looks after: their containers that have ended are
 * put away, their logs kept short, and their names, ports and images kept for them. Their *owner* is told by
 * a label, which only the door can set.
 *
 * It must not know how pods are made: it sees them as every client of an engine does.
 */
export { EndedContainers } from "./ended-containers.ts";
export type { OtherPod } from "./engine-pods.ts";
export { isUsed, refuseIfOwned, refuseIfSeveralTags, refuseIfUsed } from "./image-users.ts";
export { LogLimit } from "./log-limit.ts";
export { removeLog } from "./owned-log.ts";
export { isOwned } from "./ownership.ts";
export { refuseTaken } from "./taken.ts";
