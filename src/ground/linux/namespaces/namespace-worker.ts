import { parentPort } from "node:worker_threads";
import { sentError, threadIsLoaded } from "../../threads/index.ts";
import { asLinuxError } from "../linux-error.ts";
import { readNetworkCounters } from "../network-counters.ts";
import { createPodNamespaces, holdPodNamespaces, resetPodNamespaces } from "./create-pod-namespaces.ts";
import { HostNamespaces, StrandedError } from "./namespace-host.ts";
import { unpinNamespaces } from "./namespace-pins.ts";
import type { NamespaceAnswer, NamespaceCall } from "./namespace-thread.ts";

/**
 * The code of the thread behind {@link "./namespace-thread.ts"}. Every call runs to its end without yielding,
 * so the thread is in the host's namespaces whenever it waits. If it cannot return to them, it ends with an
 * uncaught error.
 */
const host = new HostNamespaces();

threadIsLoaded();

parentPort?.on("message", (call: NamespaceCall) => parentPort?.postMessage(answer(call)));

function answer(call: NamespaceCall): NamespaceAnswer {
  const undo: (() => void)[] = [];
  try {
    return { id: call.id, result: host.comeBackAfter(() => run(call, undo)) };
  } catch (error) {
    for (const step of undo.reverse()) step();
    if (error instanceof StrandedError) throw error;
    return { id: call.id, error: sentError(asLinuxError(error, "namespaces")) };
  }
}

function run(call: NamespaceCall, undo: (() => void)[]) {
  switch (call.job) {
    case "createPodNamespaces":
      return createPodNamespaces(call.request, undo);
    case "holdPodNamespaces":
      return holdPodNamespaces(undo);
    case "resetPodNamespaces":
      resetPodNamespaces(call.request);
      return undefined;
    case "unpinNamespaces":
      unpinNamespaces(call.request);
      return undefined;
    case "readNetworkCounters":
      return readNetworkCounters(call.request);
  }
}
