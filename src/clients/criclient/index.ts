/**
 * A client of CRI endpoints, berthd's or another runtime's: calls, and what programs do with pods, containers
 * and images by them (find by name, list, stop, remove, wait for the end). Every failure is a
 * {@link CriClientError} with the code that the endpoint answered. It knows nothing of command lines: what a
 * program's user can do is said by the program, as {@link ClientHints}.
 */
export { Client, type ClientOptions } from "./client.ts";
export type { ClientHints } from "./client-hints.ts";
export { connectEndpoint } from "./connect.ts";
export { containerStatus, endedStatus, waitForExit } from "./container-status.ts";
export { CriClientError, UnreachableError } from "./cri-client-error.ts";
export { ContainerHold } from "./hold.ts";
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
