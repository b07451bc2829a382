/**
 * The door for containerd's own API (proto/containerd), over the same storage as the CRI, for ctr, nerdctl,
 * BuildKit and containerd's Go client. Each service has a file with its handlers, and a row in the table in
 * `services.ts`; methods without handlers return UNIMPLEMENTED with their name. docs/containerd-api.md
 * describes the RPCs.
 *
 * Terms: a *namespace* is containerd's, from a call's metadata, and so is a *lease*, to which everything that
 * the call creates is added.
 *
 * This room keeps no state except clients' open streams. Records and files belong to the storage; requests
 * are checked here before they are passed on.
 */
export type { ContainerdOptions, PodSandboxes, PodTasks } from "./options.ts";
export { containerdServices } from "./services.ts";
