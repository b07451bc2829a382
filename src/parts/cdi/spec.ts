/** CDI's SPEC.md, as of version 1.1.0. What is left out is empty. */
export type CdiSpec = {
  readonly version: string;
  /** `vendor.com/class`. */
  readonly kind: string;
  readonly devices: ReadonlyMap<string, ContainerEdits>;
  /** Made once for a container that uses any of the devices. */
  readonly edits: ContainerEdits;
};

export type ContainerEdits = {
  /** NAME=VALUE. */
  readonly env: readonly string[];
  readonly deviceNodes: readonly CdiDeviceNode[];
  readonly netDevices: readonly CdiNetDevice[];
  readonly mounts: readonly CdiMount[];
  readonly hooks: readonly CdiHook[];
  readonly intelRdt: CdiRdt | undefined;
  readonly additionalGids: readonly number[];
};

export type CdiDeviceNode = {
  readonly path: string;
  readonly hostPath: string;
  /** As the device on the host is, where undefined. */
  readonly type: "b" | "c" | "u" | "p" | undefined;
  readonly major: number | undefined;
  readonly minor: number | undefined;
  readonly fileMode: number | undefined;
  /** Some of r, w, m. */
  readonly permissions: string;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
};

/** A network interface of the host that is moved into the container. */
export type CdiNetDevice = { readonly hostInterfaceName: string; readonly name: string };

export type CdiMount = {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly type: string;
  readonly options: readonly string[];
};

export type CdiHook = {
  readonly hookName: (typeof hookNames)[number];
  readonly path: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  /** Seconds. */
  readonly timeout: number | undefined;
};

export const hookNames = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
] as const;

/** Intel's Resource Director Technology, in the words of the OCI runtime-spec. */
export type CdiRdt = Readonly<Record<string, string | boolean | readonly string[]>>;
