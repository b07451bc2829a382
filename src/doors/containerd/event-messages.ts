import { containerd } from "../../ground/protocol/index.ts";
import type { Envelope, EventByTopic, Topic } from "../../services/events/index.ts";
import { isPodsBy } from "./extensions.ts";
import { toAny, toTimestamp } from "./messages.ts";
import { podRuntimeName } from "./pod-records.ts";
import { podExitStatus } from "./pod-sandbox-tasks.ts";

const { events } = containerd;

/** An event as clients receive it: containerd's message in an Any, and the fields that filters refer to. */
export type EventMessage = {
  readonly any: containerd.types.Any;
  readonly fields: Readonly<Record<string, unknown>>;
};

/** Translates an event; undefined if containerd has no message for it. */
export function toEventMessage(envelope: Envelope): EventMessage | undefined {
  const encode = encoders[envelope.topic as keyof typeof encoders] as
    | Encoder<typeof envelope.event>
    | undefined;
  return encode?.(envelope.event, envelope.atNs);
}

/** Some messages also have the time of their event. */
type Encoder<Event> = (event: Event, atNs: bigint) => EventMessage;
type Codec<Message> = { readonly encode: (message: Message) => { readonly finish: () => Uint8Array } };

/** Topics that containerd has; topics of pods are berth's own. */
type Known = Exclude<Topic, "/sandboxes/delete" | `/pods/${string}`>;

const encoders: { readonly [T in Known]: Encoder<EventByTopic[T]> } = {
  "/namespaces/create": of("NamespaceCreate", events.NamespaceCreate, named),
  "/namespaces/update": of("NamespaceUpdate", events.NamespaceUpdate, named),
  "/namespaces/delete": of("NamespaceDelete", events.NamespaceDelete, ({ name }) => ({ name })),
  "/images/create": ofImages("ImageCreate", events.ImageCreate, named),
  "/images/update": ofImages("ImageUpdate", events.ImageUpdate, named),
  "/images/delete": ofImages("ImageDelete", events.ImageDelete, ({ name }) => ({ name })),
  "/content/create": of("ContentCreate", events.ContentCreate, ({ digest, sizeBytes, mediaType }) => ({
    digest,
    size: BigInt(sizeBytes),
    mediaType,
  })),
  "/content/delete": of("ContentDelete", events.ContentDelete, ({ digest }) => ({ digest })),
  "/snapshot/prepare": of("SnapshotPrepare", events.SnapshotPrepare, ({ snapshotter, key, parent = "" }) => ({
    snapshotter,
    key,
    parent,
  })),
  "/snapshot/commit": of("SnapshotCommit", events.SnapshotCommit, ({ snapshotter, key, name }) => ({
    snapshotter,
    key,
    name,
  })),
  "/snapshot/remove": of("SnapshotRemove", events.SnapshotRemove, ({ snapshotter, key }) => ({
    snapshotter,
    key,
  })),
  "/containers/create": of(
    "ContainerCreate",
    events.ContainerCreate,
    ({ id, image, runtime: { name, options }, extensions }) => ({
      id,
      image,
      runtime: isPodsBy(extensions)
        ? { name: podRuntimeName, options: undefined }
        : { name, options: options && toAny(options) },
    }),
  ),
  "/containers/update": of(
    "ContainerUpdate",
    events.ContainerUpdate,
    ({ id, image, labels, snapshotKey }) => ({
      id,
      image,
      labels: { ...labels },
      snapshotKey,
    }),
  ),
  "/containers/delete": of("ContainerDelete", events.ContainerDelete, ({ id }) => ({ id })),
  "/tasks/create": of(
    "TaskCreate",
    events.TaskCreate,
    ({ containerId, pid, bundleDir, terminal, asked, checkpoint }) => ({
      containerId,
      bundle: bundleDir,
      rootfs: (asked?.rootfs ?? []).map(({ options, ...mount }) => ({
        ...mount,
        target: "",
        options: [...options],
      })),
      io: { ...(asked?.streams ?? { stdin: "", stdout: "", stderr: "" }), terminal },
      checkpoint: checkpoint ?? "",
      pid,
    }),
  ),
  "/tasks/start": of("TaskStart", events.TaskStart, ({ containerId, pid }) => ({ containerId, pid })),
  "/tasks/exit": of("TaskExit", events.TaskExit, ({ containerId, id, pid, exitCode, exitedAtNs }) => ({
    containerId,
    id,
    pid,
    exitStatus: exitCode,
    exitedAt: toTimestamp(exitedAtNs),
  })),
  "/tasks/delete": of("TaskDelete", events.TaskDelete, ({ containerId, pid, exitCode, exitedAtNs }) => ({
    containerId,
    pid,
    exitStatus: exitCode,
    exitedAt: toTimestamp(exitedAtNs),
    id: "",
  })),
  "/tasks/exec-added": of("TaskExecAdded", events.TaskExecAdded, ({ containerId, execId }) => ({
    containerId,
    execId,
  })),
  "/tasks/exec-started": of("TaskExecStarted", events.TaskExecStarted, ({ containerId, execId, pid }) => ({
    containerId,
    execId,
    pid,
  })),
  "/tasks/oom": of("TaskOOM", events.TaskOOM, ({ containerId }) => ({ containerId })),
  "/tasks/paused": of("TaskPaused", events.TaskPaused, ({ containerId }) => ({ containerId })),
  "/tasks/resumed": of("TaskResumed", events.TaskResumed, ({ containerId }) => ({ containerId })),
  "/tasks/checkpointed": of("TaskCheckpointed", events.TaskCheckpointed, ({ containerId, checkpoint }) => ({
    containerId,
    checkpoint,
  })),
  "/sandboxes/create": of("SandboxCreate", events.SandboxCreate, ({ sandboxId }) => ({ sandboxId })),
  "/sandboxes/start": of("SandboxStart", events.SandboxStart, ({ sandboxId }) => ({ sandboxId })),
  "/sandboxes/exit": of("SandboxExit", events.SandboxExit, ({ sandboxId }, atNs) => ({
    sandboxId,
    exitStatus: podExitStatus,
    exitedAt: toTimestamp(atNs),
  })),
};

/** Events of images are in another package, that of the image service. */
function ofImages<Event, Message extends object>(
  name: string,
  codec: Codec<Message>,
  toMessage: (event: Event) => Message,
): Encoder<Event> {
  return of(name, codec, toMessage, "containerd.services.images.v1");
}

function of<Event, Message extends object>(
  name: string,
  codec: Codec<Message>,
  toMessage: (event: Event, atNs: bigint) => Message,
  protoPackage = "containerd.events",
): Encoder<Event> {
  return (event, atNs) => {
    const message = toMessage(event, atNs);
    const value = Buffer.from(codec.encode(message).finish());
    return {
      any: { typeUrl: `${protoPackage}.${name}`, value },
      fields: message as EventMessage["fields"],
    };
  };
}

function named({
  name,
  labels,
}: {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}) {
  return { name, labels: { ...labels } };
}
