/** A thread that is loaded when its test says so, and tells that it has come so far. */
import { workerData } from "node:worker_threads";
import { threadIsLoaded } from "../start-thread.ts";

/** Whether it may be loaded, and whether it is. */
const [may, is] = [0, 1];
const states = workerData as Int32Array;
Atomics.wait(states, may, 0);
Atomics.store(states, is, 1);
threadIsLoaded();
setInterval(() => {}, 1000);
