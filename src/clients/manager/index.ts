/**
 * The pod manager: keeps Kubernetes objects and runs what they ask for over one CRI endpoint, berthd's or
 * another runtime's, as a cluster of one node would.
 *
 * Terms: an *object* is a manifest that was applied, with a uid; its *owner* is the object that made it. The
 * *store* keeps objects, {@link Persistence} makes them outlive the manager. A *reconciliation* compares what
 * objects ask for with what is there, and makes the next step; it may be cut anywhere and goes on from what
 * it finds.
 *
 * It is a client of CRI and knows nothing of the engine.
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
