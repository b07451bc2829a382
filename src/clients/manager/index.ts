/**
 * The pod manager: stores Kubernetes objects and runs them over one CRI endpoint, berthd's or another
 * runtime's, as a cluster with one node would.
 *
 * Terms: an *object* is an applied manifest, with a uid; its *owner* is the object that created it. The
 * *store* holds objects, and {@link Persistence} saves them across restarts of the manager. A
 * *reconciliation* compares the objects' specifications with what exists, and takes the next step; it may be
 * interrupted anywhere and continues from what it finds.
 *
 * It is a client of the CRI and does not know the engine.
 */
export type { Applied } from "./apply.ts";
export { jobEnd } from "./controllers/job-status.ts";
export { ManagerError } from "./errors.ts";
export { type ApplyOptions, Manager, type ManagerOptions } from "./manager.ts";
export { ManagerApi } from "./manager-api.ts";
export { ManifestDirectories } from "./manifest-directories.ts";
export { noPersistence, type Persistence } from "./object-store.ts";
export { isOfKind, keyOf, type ObjectKey, type StoredObject, type StoredPod, titleOf } from "./objects.ts";
export { RecentEvents } from "./recent-events.ts";
