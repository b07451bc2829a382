/**
 * Leases: keep content, snapshots and ingests from garbage collection until something refers to them.
 *
 * Terms: a *lease* lives until it is deleted or has expired; its *resources* are named, whether they exist or
 * not. A *hold* is a lease in memory.
 *
 * This room does not access the resources themselves, and deletes none: garbage collection does.
 */
export { LeaseError, LeaseStore } from "./lease-store.ts";
export type { Hold, Lease, LeaseResource, Leases } from "./leases.ts";
