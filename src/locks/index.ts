/**
 * Locks between asynchronous operations of this process. Nothing here outlives the process or knows what is locked. This room imports no other.
 */
export { KeyLock } from "./key-lock.ts";
