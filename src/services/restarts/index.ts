/**
 * Keeps the tasks of clients' containers as labels of their records ask for: containerd's restart manager
 * (its core/runtime/restart), which `nerdctl run --restart` relies on.
 *
 * Terms: a *wish* is what the labels `containerd.io/restart.*` of a container say: that its task is to run or
 * to be stopped, and by which *policy* one that has ended is made anew.
 *
 * This room does not know CRI: the kubelet restarts the containers of pods.
 */
export { Restarts, type RestartsOptions } from "./restarts.ts";
export { policyNames } from "./wish.ts";
