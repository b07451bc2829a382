/**
 * How asynchronous operations of this process wait for each other. Nothing here outlives the process or knows
 * what is waited for. This room imports no other.
 *
 * {@link KeyLock}: one holder a key. {@link Semaphore}: so many holders. {@link RefCounts}: which keys have
 * users. {@link SingleFlight}: one call for all who ask for the same, which ends when none of them waits any
 * more. {@link JoinedCalls}: the same for what is made under a name, which goes on without its callers.
 * {@link Coalescer}: calls share the next run. {@link allOrStop}: work for many items, which ends when one
 * fails. {@link raceAbort}: a wait that a signal ends. {@link perObject}, {@link perItems}: made once of
 * each object, and of a list as long as the same is in it.
 */
export { allOrStop } from "./all-or-stop.ts";
export { Coalescer } from "./coalescer.ts";
export { JoinedCalls } from "./joined-calls.ts";
export { KeyLock } from "./key-lock.ts";
export { perItems, perObject } from "./per-object.ts";
export { raceAbort } from "./race-abort.ts";
export { RefCounts } from "./ref-counts.ts";
export { Semaphore } from "./semaphore.ts";
export { SingleFlight } from "./single-flight.ts";
