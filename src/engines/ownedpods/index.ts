/**
 * Tasks of a kubelet for pods of `berth run`, which no kubelet manages: removes their ended containers,
 * limits their logs, and checks that their names, ports and images are not taken. Their *owner* is in a label
 * that only the door can set.
 *
 * It must not know how pods are created: it uses an engine like every client does.
 */
export { EndedContainers } from "./ended-containers.ts";
export type { OtherPod } from "./engine-pods.ts";
export { isUsed, refuseIfOwned, refuseIfSeveralTags, refuseIfUsed } from "./image-users.ts";
export { LogLimit } from "./log-limit.ts";
export { removeLog } from "./owned-log.ts";
export { isOwned } from "./ownership.ts";
export { refuseTaken } from "./taken.ts";
