/**
 * How asynchronous operations of this process wait for each other. Nothing here outlives the process or knows what is
 * waited for. This room imports no other.
 */
export { KeyLock } from "./key-lock.ts";
export { raceAbort } from "./race-abort.ts";
