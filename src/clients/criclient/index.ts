/**
 * A client of CRI endpoints, berthd's or another runtime's: calls, and common operations on pods, containers
 * and images (find by name, list, stop, remove, wait for the end). Every failure is a {@link CriClientError}
 * with the endpoint's code. It does not know command lines: the program supplies remedies for its users as
 * {@link ClientHints}.
 */
export { Client, type ClientOptions } from "./client.ts";
export { connectEndpoint } from "./connect.ts";
export { containerStatus, endedStatus, waitForExit } from "./container-status.ts";
export { CriClientError, UnreachableError } from "./cri-client-error.ts";
export type { ClientHints } from "./explain.ts";
export { Hold } from "./hold.ts";
export { type FoundImage, findImage, imageStatus } from "./images.ts";
export {
  removeContainer,
  removePod,
  runningContainers,
  stopContainer,
  stopPod,
} from "./object-actions.ts";
export {
  type Found,
  findContainer,
  findPod,
  findPodOrContainer,
  listContainers,
  listPods,
  type PodContainer,
  withItsPod,
} from "./objects.ts";
export { type Candidate, resolveOne } from "./resolve.ts";
