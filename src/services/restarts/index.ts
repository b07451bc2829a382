/**
 * Restarts or stops the tasks of clients' containers as labels of their records request: containerd's restart
 * manager (its core/runtime/restart), which `nerdctl run --restart` relies on.
 *
 * Terms: a *wish* is what the labels `containerd.io/restart.*` of a container request: that its task runs or
 * is stopped, and with which *policy* an exited one is recreated.
 *
 * This room does not know CRI: the kubelet restarts the containers of pods.
 */
export { Restarts, type RestartsOptions } from "./restarts.ts";
export { policyNames } from "./wish.ts";
