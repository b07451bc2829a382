/**
 * The OCI runtimes (crun, runc, others) and what belongs to them: which of them this host can use
 * (*handlers*), the OCI spec of a container, its cgroup, and *tasks*: a container's processes, held by a
 * conmon that writes the log and records the exit.
 *
 * Terms: a *bundle* is a container's private directory with its config.json (runtime-spec, bundle.md); the
 * *monitor* is its conmon; a *handler* is an OCI runtime under the name that pods use.
 *
 * It must not know images, networks or the life cycle of pods, and must not store anything that has to
 * survive a restart of the machine.
 */

export { AppArmor } from "./apparmor/app-armor.ts";
export { ClientCopy } from "./attach/client-copy.ts";
export { cgroupOf, containerCgroup, podCgroup } from "./cgroups/cgroup-in-hierarchy.ts";
export { type CgroupDriver, cgroupsPath } from "./cgroups/cgroups-path.ts";
export { makeEmptyCgroup, removeEmptyCgroup } from "./cgroups/empty-cgroup.ts";
export { hasCgroup, removeCgroup } from "./cgroups/remove-cgroup.ts";
export { endLeftDump } from "./checkpoint/end-dump.ts";
export { ConmonTasks, type ConmonTasksOptions } from "./conmon/conmon-tasks.ts";
export { LogFile } from "./conmon/log-file.ts";
export { findMonitorsElsewhere } from "./conmon/mount-namespace.ts";
export { killExec } from "./exec/kill-exec.ts";
export { MemoryRelease } from "./exec/memory-release.ts";
export { askFeatures } from "./handlers/ask.ts";
export { type Criu, type DetectCriuOptions, detectCriu } from "./handlers/criu.ts";
export {
  type DetectHandlersOptions,
  detectHandlers,
  type HandlerConfig,
} from "./handlers/detect-handlers.ts";
export {
  findHandler,
  type Handler,
  type HandlerFeatures,
  type HandlerTable,
  type Usability,
} from "./handlers/handler.ts";
export { findUnusableHooks } from "./hooks/read-hooks.ts";
export { isUnfinishedFile, replaceFile } from "./replace-file.ts";
export { RuntimeError } from "./runtime-error.ts";
export { SeLinux, type SeLinuxLabels } from "./selinux/se-linux.ts";
export { buildContainerSpec } from "./spec/build-container-spec.ts";
export { buildPauseSpec, type PauseSpecInput } from "./spec/build-pause-spec.ts";
export { describeSandbox } from "./spec/describe-sandbox.ts";
export { type HostFacts, readHostFacts } from "./spec/host-facts.ts";
export type {
  ContainerSettings,
  ContainerSpecInput,
  ResolvedContainer,
  ResolvedMount,
  SandboxFacts,
  SecuritySettings,
} from "./spec/input.ts";
export { passNone } from "./spec/passed-annotations.ts";
export { mayHaveAppArmor } from "./spec/resolve/app-armor.ts";
export { checkDevicePlaces } from "./spec/resolve/device-places.ts";
export { ImageLookups } from "./spec/resolve/image-lookups.ts";
export { resolveMount } from "./spec/resolve/mounts.ts";
export { checkSeccompProfile, type PulledProfiles } from "./spec/resolve/pulled-profile.ts";
export { describeContainer, resolveContainer } from "./spec/resolve/resolve-container.ts";
export { resolvePause } from "./spec/resolve/resolve-pause.ts";
export { seccompProfileText } from "./spec/resolve/seccomp-file.ts";
export { type FoundUser, resolveUser } from "./spec/resolve/user.ts";
export type { UserDatabase } from "./spec/resolve/user-database.ts";
export type { ResolvedDevice } from "./spec/resolved-device.ts";
export { cgroupLimits, oomScoreAdj } from "./spec/resources.ts";
export { resourcesInForce, updatedResources, withoutLimits } from "./spec/resources-in-force.ts";
export { seccompChoice } from "./spec/seccomp/container-seccomp.ts";
export { type ProfileChoice, profileChoice } from "./spec/security-profile.ts";
export type { OciProcess, OciSpec, OciUser } from "./spec/types.ts";
export type {
  ClientOutput,
  ClientStreams,
  Command,
  CommandIo,
  CommandProcess,
  ExecRequest,
  ExecResult,
  ExitStatus,
  FirstProcessIo,
  LoggingProgram,
  Process,
  ProcessState,
  StreamedExecRequest,
  Task,
  TaskConsole,
  TaskDumpRequest,
  TaskExit,
  TaskIdentity,
  TaskIo,
  TaskLog,
  TaskRestore,
  TaskSpec,
  TaskState,
  Tasks,
  TaskUpdate,
  TerminalSize,
} from "./tasks.ts";
export { checkMemoryLimit } from "./update/check-memory-limit.ts";
