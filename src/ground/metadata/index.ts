/**
 * Metadata: data that must survive a reboot, as records in one SQLite file, held completely in memory for
 * reading.
 *
 * Terms: a *collection* holds the records of one kind, keyed by (namespace, key); a *change* puts or deletes
 * one record; a *commit* applies changes atomically and durably; for unfinished work, it may reach the disk
 * with the next one. Collections are tables made by numbered *migrations*.
 *
 * This room does not know what the records mean, runs no SQL on the main thread, and never deletes or
 * rewrites a file that it cannot read. Only one process may have a database open.
 */
export type { Along, Change, Collection, CollectionName, Database, Durability } from "./database.ts";
export { decode, encode } from "./encoding.ts";
export { MetadataError } from "./metadata-error.ts";
export { openDatabase } from "./sqlite-database.ts";
