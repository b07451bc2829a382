import type { Labels } from "../../ground/labels/index.ts";

/**
 * What each service publishes, by topic. Topics are containerd's (`events` of its API), and each event has at
 * least the fields of containerd's message; the last topics are berth's own. Times are nanoseconds since the
 * epoch.
 */
export type EventByTopic = {
  readonly "/namespaces/create": NamespaceChanged;
  readonly "/namespaces/update": NamespaceChanged;
  readonly "/namespaces/delete": { readonly name: string };

  readonly "/images/create": ImageChanged;
  readonly "/images/update": ImageChanged;
  readonly "/images/delete": { readonly name: string };

  /** `mediaType` is "" where its writer has not said it. */
  readonly "/content/create": {
    readonly digest: string;
    readonly sizeBytes: number;
    readonly mediaType: string;
  };
  readonly "/content/delete": { readonly digest: string };

  /** An active snapshot; views are not published, as in containerd. */
  readonly "/snapshot/prepare": SnapshotKey & { readonly parent: string | undefined };
  /** `key` is the active snapshot that has become `name`. */
  readonly "/snapshot/commit": SnapshotKey & { readonly name: string };
  /** Of any kind, by a client or by garbage collection. */
  readonly "/snapshot/remove": SnapshotKey;

  readonly "/containers/create": {
    readonly id: string;
    readonly image: string;
    readonly runtime: {
      readonly name: string;
      readonly options?: { readonly typeUrl: string; readonly value: Uint8Array } | undefined;
    };
    /** Names of its extensions, which show who owns it. */
    readonly extensions: readonly string[];
  };
  readonly "/containers/update": {
    readonly id: string;
    readonly image: string;
    readonly labels: Labels;
    readonly snapshotKey: string;
  };
  readonly "/containers/delete": { readonly id: string };

  readonly "/tasks/create": {
    readonly containerId: string;
    readonly pid: number;
    readonly bundleDir: string;
    readonly terminal: boolean;
    /** Of a client's own container. */
    readonly asked: TaskAsked | undefined;
    /** The directory of the checkpoint that it is restored from. */
    readonly checkpoint: string | undefined;
  };
  readonly "/tasks/start": { readonly containerId: string; readonly pid: number };
  /**
   * Exit of a task's first process, whose id is the container's, or of a command published with `exec-added`.
   */
  readonly "/tasks/exit": { readonly id: string } & ProcessEnded;
  readonly "/tasks/delete": ProcessEnded;
  readonly "/tasks/exec-added": { readonly containerId: string; readonly execId: string };
  readonly "/tasks/exec-started": {
    readonly containerId: string;
    readonly execId: string;
    readonly pid: number;
  };
  /**
   * The kernel killed a process of the container for lack of memory, which ended the task. Comes before its
   * exit.
   */
  readonly "/tasks/oom": { readonly containerId: string };
  readonly "/tasks/paused": { readonly containerId: string };
  readonly "/tasks/resumed": { readonly containerId: string };
  /** `checkpoint` is the directory of its images. */
  readonly "/tasks/checkpointed": { readonly containerId: string; readonly checkpoint: string };

  /** Everything that its containers share exists. */
  readonly "/sandboxes/create": SandboxChanged;
  readonly "/sandboxes/start": SandboxChanged;
  /**
   * It runs nothing any more, or its first process ended; in the latter case it comes again once the rest is
   * stopped.
   */
  readonly "/sandboxes/exit": SandboxChanged;
  /** berth's own topic: its record was deleted. */
  readonly "/sandboxes/delete": SandboxChanged;

  /*
   * berth's own: what happened to a container of a pod, as its engine sees it. A record is there before the
   * container can be started, and a task ends before that is in the record; these come once lists show the
   * same.
   */
  readonly "/pods/container-created": PodContainerChanged;
  readonly "/pods/container-started": PodContainerChanged;
  /** Also for a container whose start failed. */
  readonly "/pods/container-stopped": PodContainerChanged;
  readonly "/pods/container-deleted": PodContainerChanged;
};

/**
 * What a client requested for a task: the mounts of its root file system, and the destinations of its
 * streams.
 */
export type TaskAsked = {
  readonly rootfs: readonly {
    readonly type: string;
    readonly source: string;
    readonly options: readonly string[];
  }[];
  readonly streams: { readonly stdin: string; readonly stdout: string; readonly stderr: string };
};

export type Topic = keyof EventByTopic;

type NamespaceChanged = { readonly name: string; readonly labels: Labels };
type ImageChanged = { readonly name: string; readonly labels: Labels };
type SnapshotKey = { readonly snapshotter: string; readonly key: string };
type ProcessEnded = {
  readonly containerId: string;
  /** 0 if it never ran. */
  readonly pid: number;
  /** 0-255; 128+n for a signal. */
  readonly exitCode: number;
  readonly exitedAtNs: bigint;
};
type SandboxChanged = { readonly sandboxId: string };
type PodContainerChanged = { readonly containerId: string; readonly sandboxId: string };
