import type { Handlers } from "../../ground/grpc/index.ts";
import { specJson } from "../../ground/json/index.ts";
import type { containerd } from "../../ground/protocol/index.ts";
import { fieldOfLabels, parseFilters } from "../../parts/filters/index.ts";
import type { Container, Containers, Sandbox, TypedValue } from "../../services/containers/index.ts";
import type { NamespaceStorage } from "../../services/storage/index.ts";
import type { ContainerdCall } from "./call.ts";
import { ContainerdError } from "./errors.ts";
import { checkExtensions, isPods, toAnys, toValues } from "./extensions.ts";
import { toAny, toTimestamp, toValue } from "./messages.ts";
import type { ServiceOptions } from "./options.ts";
import {
  containerMetadata,
  podsAmong,
  sandboxContainer,
  sandboxMetadata,
  withKnownRuntime,
} from "./pod-records.ts";
import { type RecordChange, recordChange } from "./record-change.ts";

type ContainerHandlers = Handlers<typeof containerd.containersV1.ContainersService, ContainerdCall>;
type Message = containerd.containersV1.Container;
type Changeable = Pick<Container, "labels" | "extensions" | "image" | "snapshotKey" | "spec">;

/** The service Containers: records of containers, from which tasks are created. */
export function containerHandlers(
  options: Pick<ServiceOptions, "podContainer" | "podSpec" | "podRuntime" | "pods">,
): ContainerHandlers {
  const { podContainer, podSpec, pods } = options;
  const shown = (container: Container) => withKnownRuntime(container, options);
  const matching = async (
    filters: readonly string[],
    { namespace }: ContainerdCall,
  ): Promise<readonly Container[]> => {
    const matches = parseFilters(filters);
    const { containers, sandboxes } = await namespace();
    return [...containers.list(), ...podsAmong(sandboxes).map(sandboxContainer)]
      .map(shown)
      .filter((container) => matches((path) => fieldOf(container, path)));
  };
  return {
    async get({ id }, { namespace }) {
      const storage = await namespace();
      const pod = findPod(id, storage);
      if (pod !== undefined) {
        const spec = specValue(await pods.spec(id));
        const extensions = { ...pod.extensions, ...sandboxMetadata(id, pods) };
        return { container: toMessage({ ...shown(sandboxContainer(pod)), spec, extensions }) };
      }
      const container = storage.containers.get(id);
      if (!isPods(container)) return { container: toMessage(container) };
      const spec = specValue(await podSpec(id));
      const extensions = { ...container.extensions, ...containerMetadata(id, podContainer(id)) };
      return { container: toMessage({ ...shown(container), spec, extensions }) };
    },

    async list({ filters }, call) {
      return { containers: (await matching(filters, call)).map(toMessage) };
    },

    async *listStream({ filters }, call) {
      for (const container of await matching(filters, call)) yield { container: toMessage(container) };
    },

    async create({ container: given }, { namespace }) {
      const storage = await namespace();
      const { containers } = storage;
      const message = present(given);
      checkExtensions(`container ${message.id}`, message.extensions);
      if (findPod(message.id, storage) !== undefined)
        throw new ContainerdError("AlreadyExists", `container ${message.id}`);
      if (message.spec === undefined)
        throw new ContainerdError("InvalidArgument", `container ${message.id}: spec must be set`);
      return { container: toMessage(await containers.create(toContainer(message))) };
    },

    async update({ container: given, updateMask = [] }, { namespace }) {
      const storage = await namespace();
      const { containers, sandboxes } = storage;
      const message = present(given);
      const { id } = message;
      checkExtensions(`container ${id}`, message.extensions, updateMask);
      if (findPod(id, storage) !== undefined) {
        const pod = await sandboxes.update(id, (before) => podsChangeOf(before, message, updateMask));
        return { container: toMessage(shown(sandboxContainer(pod))) };
      }
      const updated = await containers.update(id, (before) =>
        isPods(before) ? podsChangeOf(before, message, updateMask) : changeOf(before, message, updateMask),
      );
      return { container: toMessage(shown(updated)) };
    },

    async delete({ id }, { namespace }) {
      const storage = await namespace();
      refusePod(id, storage);
      checkNoPods(storage.containers.get(id));
      await storage.containers.delete(id);
      storage.garbage.collectSoon();
      return {};
    },
  };
}

function findPod(id: string, { sandboxes }: Pick<NamespaceStorage, "sandboxes">): Sandbox | undefined {
  const sandbox = sandboxes.find(id);
  return sandbox !== undefined && isPods(sandbox) ? sandbox : undefined;
}

/** Rejects ids of pods. Throws FailedPrecondition. */
function refusePod(id: string, storage: Pick<NamespaceStorage, "sandboxes">): void {
  if (findPod(id, storage) !== undefined)
    throw new ContainerdError(
      "FailedPrecondition",
      `container ${id} is a pod; change or remove it with its client, such as crictl rmp or berth pod rm`,
    );
}

function present(container: Message | undefined): Message {
  if (container === undefined) throw new ContainerdError("InvalidArgument", "container: must be set");
  if (container.id === "") throw new ContainerdError("InvalidArgument", "container.id: must be set");
  return container;
}

/** Encodes a specification as containerd's clients do. */
function specValue(spec: object): TypedValue {
  return {
    typeUrl: "types.containerd.io/opencontainers/runtime-spec/1/Spec",
    value: Buffer.from(specJson(spec)),
  };
}

/** Throws FailedPrecondition for a pod's container: its engine would not notice the change. */
function checkNoPods(container: Container): void {
  const { id } = container;
  if (isPods(container))
    throw new ContainerdError(
      "FailedPrecondition",
      `container ${id} is a pod's; remove it with the pod's client, such as crictl rm or berth rm`,
    );
}

/**
 * The change of the record of a pod or a pod's container, of which clients may change only labels and
 * extensions; everything else belongs to the engine. A client that names no field sends back what it was
 * shown. Throws FailedPrecondition.
 */
function podsChangeOf(
  { id, labels, extensions, spec }: Pick<Container, "id"> & RecordChange,
  given: Message,
  paths: readonly string[],
): RecordChange {
  const other = paths.find((path) => !/^(labels|extensions)(\.|$)/.test(path));
  if (other !== undefined)
    throw new ContainerdError(
      "FailedPrecondition",
      `container ${id} is a pod or in one: only its labels and extensions can be changed here, not ${JSON.stringify(other)}`,
    );
  const before: RecordChange = { labels, extensions, spec };
  return (paths.length === 0 ? ["labels"] : paths).reduce(
    (changed, path) => recordChange(path, changed, given),
    before,
  );
}

/** Without a mask, all fields that can change are replaced (containerd's core/metadata). */
function changeOf(before: Container, given: Message, paths: readonly string[]): Changeable {
  if (paths.length === 0) checkUnchanged(before, given);
  const { labels, extensions, image, snapshotKey, spec } = before;
  const fields = paths.length === 0 ? ["labels", "extensions", "image", "snapshotkey", "spec"] : paths;
  return fields.reduce<Changeable>((changed, path) => changeAt(path, changed, given), {
    labels,
    extensions,
    image,
    snapshotKey,
    spec,
  });
}

/** Checks the fields that a client without a mask cannot have intended to change. */
function checkUnchanged(before: Container, given: Message): void {
  const changed =
    before.snapshotter !== given.snapshotter
      ? "Snapshotter"
      : before.runtime.name !== given.runtime?.name
        ? "Runtime.Name"
        : undefined;
  if (changed !== undefined)
    throw new ContainerdError("InvalidArgument", `container.${changed} field is immutable`);
}

function changeAt(path: string, before: Changeable, given: Message): Changeable {
  switch (path) {
    case "image":
      return { ...before, image: given.image };
    case "snapshotkey":
      return { ...before, snapshotKey: given.snapshotKey };
    default:
      return recordChange(path, before, given);
  }
}

function toContainer(message: Message): Parameters<Containers["create"]>[0] {
  const { id, labels, image, runtime, snapshotter, snapshotKey, spec, extensions, sandbox } = message;
  return {
    id,
    labels,
    image,
    runtime: { name: runtime?.name ?? "", ...(runtime?.options && { options: toValue(runtime.options) }) },
    ...(spec && { spec: toValue(spec) }),
    snapshotter,
    snapshotKey,
    extensions: toValues(extensions),
    ...(sandbox !== "" && { sandboxId: sandbox }),
  };
}

function toMessage(container: Container): Message {
  const { id, labels, image, runtime, snapshotter, snapshotKey, spec, sandboxId = "" } = container;
  return {
    id,
    labels: { ...labels },
    image,
    runtime: { name: runtime.name, options: runtime.options && toAny(runtime.options) },
    spec: spec && toAny(spec),
    snapshotter,
    snapshotKey,
    createdAt: toTimestamp(container.createdAtNs),
    updatedAt: toTimestamp(container.updatedAtNs),
    extensions: toAnys(container.extensions),
    sandbox: sandboxId,
  };
}

function fieldOf(container: Container, [field, ...rest]: readonly string[]): string | undefined {
  switch (field) {
    case "id":
      return container.id;
    case "runtime":
      return rest[0] === "name" ? container.runtime.name : undefined;
    case "image":
      // A container without an image has no such field.
      return container.image || undefined;
    case "labels":
      return fieldOfLabels(container.labels, rest);
    default:
      return undefined;
  }
}
