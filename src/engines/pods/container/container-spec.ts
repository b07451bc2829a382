import { constants } from "node:os";
import { signalNumber } from "../../../ground/linux/index.ts";
import { type ContainerConfig, NamespaceMode, Signal } from "../../../ground/protocol/index.ts";
import type { ImageConfig } from "../../../parts/oci/index.ts";
import type { Image, ImageCatalog } from "../../../services/images/index.ts";
import {
  buildContainerSpec,
  type ContainerSpecInput,
  checkDevicePlaces,
  describeContainer,
  type FoundUser,
  findHandler,
  type Handler,
  type OciSpec,
  resolveContainer,
  resourcesInForce,
  type Task,
} from "../../../services/runtime/index.ts";
import { EngineError } from "../../engine/index.ts";
import { containerPaths } from "../paths.ts";
import type { NotYetCreated } from "../records/record-store.ts";
import { type Adjustment, type ContainerRecord, newId, type SandboxRecord } from "../records/records.ts";
import { sandboxFacts } from "../sandbox/sandbox-facts.ts";
import { currentConfig } from "../sandbox/sandbox-view.ts";
import { checkSameUserNamespace } from "../sandbox/user-namespaces.ts";
import type { PodServices } from "../services.ts";
import { describeImageVolumes, imageVolumesOf, withImageVolumes } from "../volumes/image-volumes.ts";
import { withMappedVolumes } from "../volumes/mapped-volumes.ts";
import { containerLabels } from "../volumes/se-linux-labels.ts";
import { containerLogPath } from "./container-log.ts";
import { startConfig } from "./container-resources.ts";

/**
 * The record of a new container, before its first step. Throws EngineError: NotFound if an image that it
 * mounts is missing, InvalidArgument for another user namespace than the pod's.
 */
export function newContainerRecord(
  sandbox: SandboxRecord,
  config: ContainerConfig,
  image: Image,
  {
    host,
    images,
    declaredVolumes,
  }: Pick<PodServices, "host" | "declaredVolumes"> & {
    readonly images: Pick<ImageCatalog, "find">;
  },
  id = newId(),
): NotYetCreated<ContainerRecord> {
  checkSameUserNamespace(sandbox.config, config.linux?.securityContext?.namespaceOptions?.usernsOptions);
  return {
    id,
    sandboxId: sandbox.id,
    config,
    imageId: image.id,
    imageRef: image.repoDigests[0] ?? image.id,
    imageName: image.repoTags[0] ?? image.repoDigests[0] ?? image.id,
    runtime: sandbox.resolvedHandler,
    imageConfig: image.config.config,
    phase: { kind: "creating" },
    logPath: containerLogPath(sandbox.config, config),
    user: { uid: 0, gid: 0, supplementalGroups: [] },
    stopSignal: stopSignalOf(config, image.config),
    resources: resourcesInForce(config.linux?.resources, host),
    ...imageVolumesOf(config, images),
    ...declaredVolumes.of(image, config),
  };
}

/** Builds the specification for now, for its errors and for the user that it resolves. */
export async function checkSpec(
  record: ContainerRecord,
  services: PodServices,
): Promise<ContainerRecord["user"]> {
  const sandbox = services.sandboxes.get(record.sandboxId);
  const { spec, home } = await specAndHome(record, sandbox, services);
  const { uid, gid, additionalGids } = spec.process.user;
  return { uid, gid, supplementalGroups: additionalGids, ...(home !== undefined && { home }) };
}

/** The spec for now, with the user that was resolved at its creation, if it was created before. */
export async function containerSpec(
  record: ContainerRecord,
  sandbox: SandboxRecord,
  services: PodServices,
): Promise<OciSpec> {
  return (await specAndHome(record, sandbox, services)).spec;
}

async function specAndHome(
  record: ContainerRecord,
  sandbox: SandboxRecord,
  services: PodServices,
): Promise<{ readonly spec: OciSpec; readonly home: string | undefined }> {
  const shown = await withImageVolumes(startConfig(record), record, services);
  const input = await specInput(record, sandbox, shown, services);
  const resolved = await resolveContainer({
    ...input,
    ...meansOf(sandbox, services),
    ...knownUserOf(record),
    ...unwrittenOf(record, services),
  });
  // As late as possible: a pid may be reused once its process has ended.
  const targetPid = await runningTargetPid(record, services);
  const pid = await services.pauses.livePidNamespace(sandbox.id);
  const namespaces = { ...input.sandbox.namespaces, pid };
  const spec = buildContainerSpec({
    ...input,
    sandbox: { ...input.sandbox, namespaces },
    targetPid,
    resolved,
  });
  // In a user namespace devices are mounted over what is there.
  if (input.sandbox.idMappings === undefined) await checkDevicePlaces(spec, input.rootfsPath);
  return { spec, home: resolved.home };
}

/** A checkpoint may have restored another user database than the image's. */
function knownUserOf(record: ContainerRecord): { readonly knownUser?: FoundUser } {
  if (record.phase.kind === "creating" || record.restore !== undefined) return {};
  return { knownUser: recordedUser(record) };
}

function recordedUser({ user }: ContainerRecord): FoundUser {
  const { uid, gid, supplementalGroups: additionalGids, home } = user;
  return { user: { uid, gid, additionalGids }, ...(home !== undefined && { home }) };
}

/** During creation, the root file system is the image's: files of a checkpoint are restored last. */
function unwrittenOf({ phase, imageId }: ContainerRecord, { imageLookups: lookups }: PodServices) {
  return phase.kind === "creating" ? { unwritten: { imageId, lookups } } : {};
}

/**
 * The spec of a container in any state, for inspection, from its record. It needs nothing but the records and
 * its image; a process whose namespace it would join, but that has ended, is 0.
 */
export async function describeSpec(
  record: ContainerRecord,
  sandbox: SandboxRecord,
  services: PodServices,
): Promise<OciSpec> {
  const shown = describeImageVolumes(startConfig(record), record, services);
  const { sandbox: facts, ...input } = await specInput(record, sandbox, shown, services);
  const resolved = await describeContainer({ ...input, ...meansOf(sandbox, services) }, recordedUser(record));
  const namespaces = { ...facts.namespaces, pid: facts.namespaces.pid ?? "/proc/0/ns/pid" };
  const targetPid = recordedTargetPid(record, services) ?? 0;
  return buildContainerSpec({ ...input, sandbox: { ...facts, namespaces }, targetPid, resolved });
}

async function specInput(
  record: ContainerRecord,
  sandbox: SandboxRecord,
  config: ContainerConfig,
  services: PodServices,
): Promise<Omit<ContainerSpecInput, "resolved" | "targetPid">> {
  const handler = handlerOf(sandbox, services);
  return {
    id: record.id,
    config: services.declaredVolumes.addTo(withMappedVolumes(config, record, services), record),
    sandboxConfig: currentConfig(sandbox),
    sandbox: sandboxFacts(sandbox, services),
    image: record.imageConfig ?? imageOf(record, services).config.config,
    imageName: record.config.image?.userSpecifiedImage || record.config.image?.image || record.imageRef,
    rootfsPath: containerPaths(services.stateDir, record.id).rootfs,
    cgroupDriver: services.cgroupDriver,
    features: handler.features,
    privilegedWithoutHostDevices: handler.privilegedWithoutHostDevices,
    annotationRules: handler,
    settings: services.containerSettings,
    edits: (await adjustmentsOf(record, sandbox, services)).flatMap(({ edits }) => edits),
    labels: containerLabels(record.config, sandbox, services),
    host: services.host,
  };
}

/** The extensions' recorded adjustments; for older records without them, the extensions are called. */
async function adjustmentsOf(
  record: ContainerRecord,
  sandbox: SandboxRecord,
  { extensions }: PodServices,
): Promise<readonly Adjustment[]> {
  return record.adjustments ?? extensions.createContainer({ container: record, sandbox });
}

/** What the build uses to inspect the machine. */
function meansOf({ id }: SandboxRecord, services: PodServices) {
  const { appArmor, seLinux, hostPaths, unusableFiles, securityProfiles } = services;
  const means = { appArmor, seLinux, unusableFiles, pulledProfiles: securityProfiles };
  return { ...means, podId: id, lookUp: hostPaths.of(id) };
}

function imageOf(record: ContainerRecord, { images }: PodServices): Image {
  const image = images.find(record.imageId);
  if (image === undefined) {
    throw new EngineError(
      "NotFound",
      `image ${record.imageId} of container ${record.id} was removed; pull it again`,
    );
  }
  return image;
}

/**
 * The handler that a sandbox was created with. Throws EngineError FailedPrecondition if it is no longer
 * configured.
 */
export function handlerOf(sandbox: SandboxRecord, { handlers }: PodServices): Handler {
  const handler = findHandler(handlers, sandbox.resolvedHandler);
  if (handler === undefined) {
    throw new EngineError(
      "FailedPrecondition",
      `runtime handler ${JSON.stringify(sandbox.resolvedHandler)} of pod sandbox ${sandbox.id} is no longer configured`,
    );
  }
  return handler;
}

/** The container whose PID namespace is joined must be running in the same pod. */
async function runningTargetPid(record: ContainerRecord, services: PodServices): Promise<number | undefined> {
  const options = record.config.linux?.securityContext?.namespaceOptions;
  if (options?.pid !== NamespaceMode.TARGET) return undefined;
  const pid = await findTarget(record, services)?.livePid();
  if (pid === undefined) {
    throw new EngineError(
      "FailedPrecondition",
      `container ${services.containers.get(options.targetId).id}, whose PID namespace was requested, is not running in the same pod sandbox`,
    );
  }
  return pid;
}

/** The recorded pid. */
function recordedTargetPid(record: ContainerRecord, services: PodServices): number | undefined {
  const state = findTarget(record, services)?.state();
  return state?.kind === "running" ? state.pid : undefined;
}

/** The task of the container whose PID namespace is joined, if it is running in the same pod. */
function findTarget(record: ContainerRecord, { containers, taskTable }: PodServices): Task | undefined {
  const options = record.config.linux?.securityContext?.namespaceOptions;
  if (options?.pid !== NamespaceMode.TARGET) return undefined;
  const target = containers.match(options.targetId);
  const task = target?.sandboxId === record.sandboxId ? taskTable.get(target.id) : undefined;
  return task?.state().kind === "running" ? task : undefined;
}

/** A container's stop signal: its own, its image's, or SIGTERM. An invalid one in an image is ignored. */
function stopSignalOf(config: ContainerConfig, image: ImageConfig): number {
  return criSignal(config.stopSignal) ?? signalNumber(image.config.stopSignal) ?? constants.signals.SIGTERM;
}

const signalNames = new Map(Object.entries(Signal).map(([name, value]) => [value, name]));

/** CRI's enum names signals as SIGNAL_SIGTERM, SIGNAL_SIGRTMINPLUS3. */
function criSignal(value: Signal): number | undefined {
  if (value === Signal.SIGNAL_RUNTIME_DEFAULT) return undefined;
  const name = signalNames.get(value)?.replace("SIGNAL_", "").replace("PLUS", "+").replace("MINUS", "-");
  return name === undefined ? undefined : signalNumber(name);
}
