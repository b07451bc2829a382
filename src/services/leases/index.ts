/**
 * Leases: what keeps content, snapshots and ingests from garbage collection while somebody puts something
 * together.
 *
 * Terms: a *lease* lives until it is deleted or has expired; its *resources* are named, whether they exist or
 * not.
 *
 * This room does not look at the resources themselves, and deletes none: that is garbage collection's.
 */
export { LeaseError, LeaseStore } from "./lease-store.ts";
export type { Lease, LeaseResource, Leases } from "./leases.ts";
