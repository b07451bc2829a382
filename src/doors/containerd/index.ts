/**
 * The door for containerd's own API (proto/containerd), over the storage that CRI uses too: what ctr,
 * nerdctl, BuildKit and containerd's Go client speak. Each service has a file of its own with its handlers,
 * and a row in the table of `services.ts`; those without handlers answer UNIMPLEMENTED by name. Which RPC
 * does what is in docs/containerd-api.md.
 *
 * Terms: a *namespace* is containerd's, and comes in a call's metadata, as does a *lease*, which what the
 * call makes is put into.
 *
 * This room keeps no state but the streams that clients have open. Records and files are the storage's; what
 * clients say unchecked goes no further than here.
 */
export type { ContainerdOptions, PodSandboxes, PodTasks } from "./options.ts";
export { containerdServices } from "./services.ts";
