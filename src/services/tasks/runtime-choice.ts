import { basename, isAbsolute, normalize } from "node:path";
import { containerd } from "../../ground/protocol/index.ts";
import type { Container, TypedValue } from "../containers/index.ts";
import { findHandler, type Handler, type HandlerTable, type TaskSpec } from "../runtime/index.ts";
import { TasksError } from "./tasks-error.ts";

/** The shim that clients request by default; here it stands for every handler. */
const runcShim = "io.containerd.runc.v2";
/** Its program, whose path clients may give instead of the name. */
const runcShimProgram = "containerd-shim-runc-v2";
const optionsType = "containerd.runc.v1.Options";

/** The runtime of a task and its settings, see {@link TaskSpec}. */
export type RuntimeChoice = Pick<
  TaskSpec,
  "monitorCgroup" | "streamOwner" | "noPivotRoot" | "noNewKeyring"
> & {
  /** Name of a runtime handler; "" for the default. */
  readonly handler: string;
  /** Path of criu's images, for a task to be restored; undefined for a new one. */
  readonly criuImagePath: string | undefined;
  /** Directory in which the OCI runtime keeps its state, by namespace; undefined for berth's own. */
  readonly root: string | undefined;
};

/**
 * Chooses by the name of the container's runtime (containerd's runc shim, or a handler) and runc's options,
 * of which the task's replace the container's. `cgroupsPath` is that of its specification. Throws TasksError
 * InvalidArgument, Unimplemented.
 */
export function chooseRuntime(
  { id, runtime }: Pick<Container, "id" | "runtime">,
  {
    options: taskOptions,
    cgroupsPath,
  }: {
    readonly options: TypedValue | undefined;
    readonly cgroupsPath: string;
  },
  table: HandlerTable,
): RuntimeChoice {
  const given = taskOptions === undefined || taskOptions.typeUrl === "" ? runtime.options : taskOptions;
  const options = given === undefined || given.typeUrl === "" ? noOptions : runcOptions(id, given);
  const { shimCgroup, ioUid: uid, ioGid: gid, noPivotRoot, noNewKeyring } = options;
  if (options.systemdCgroup && !cgroupsPath.includes(":"))
    throw new TasksError(
      "InvalidArgument",
      `container ${id}: options: systemd_cgroup: linux.cgroupsPath of its spec is ${JSON.stringify(cgroupsPath)}; give SLICE:PREFIX:NAME, or leave the option out`,
    );
  const how = {
    monitorCgroup: shimCgroup === "" ? undefined : shimCgroup,
    // Root can open them anyway.
    streamOwner: uid === 0 && gid === 0 ? undefined : { uid, gid },
    noPivotRoot,
    noNewKeyring,
    criuImagePath: options.criuImagePath === "" ? undefined : options.criuImagePath,
    root: rootOf(id, options),
  };
  return { ...how, handler: handlerFor(id, runtime.name, options, table) };
}

/**
 * The handler of a task with this runtime name and these options. Throws as {@link chooseRuntime}; `id` is
 * for messages.
 */
export function chosenHandler(
  id: string,
  { name, options }: Container["runtime"],
  table: HandlerTable,
): Handler | undefined {
  const given = options === undefined || options.typeUrl === "" ? noOptions : runcOptions(id, options);
  return findHandler(table, handlerFor(id, name, given, table));
}

function handlerFor(
  id: string,
  name: string,
  { binaryName }: containerd.runcOptions.Options,
  table: HandlerTable,
): string {
  if (!isRuncShim(name)) return knownHandler(id, name, table);
  return binaryName === "" ? "" : handlerOfBinary(id, binaryName, table);
}

const noOptions = containerd.runcOptions.Options.fromPartial({});

/** Decodes runc's options. criu_work_path has no effect: criu works in the bundle. */
function runcOptions(id: string, { typeUrl, value }: TypedValue): containerd.runcOptions.Options {
  if (typeUrl.slice(typeUrl.lastIndexOf("/") + 1) !== optionsType)
    throw new TasksError(
      "InvalidArgument",
      `container ${id}: options: the type ${JSON.stringify(typeUrl)}; give ${optionsType}`,
    );
  const options = decoded(id, value);
  if (options.taskApiAddress !== "")
    throw new TasksError(
      "Unimplemented",
      `container ${id}: options: task_api_address is not supported; leave it out`,
    );
  return options;
}

function rootOf(id: string, { root }: containerd.runcOptions.Options): string | undefined {
  if (root === "") return undefined;
  if (isAbsolute(root)) return normalize(root);
  throw new TasksError(
    "InvalidArgument",
    `container ${id}: options: root: ${JSON.stringify(root)} is not an absolute path`,
  );
}

function isRuncShim(runtime: string): boolean {
  return runtime === runcShim || (isAbsolute(runtime) && basename(runtime) === runcShimProgram);
}

function decoded(id: string, value: Uint8Array): containerd.runcOptions.Options {
  try {
    return containerd.runcOptions.Options.decode(value);
  } catch (cause) {
    throw new TasksError("InvalidArgument", `container ${id}: options: damaged`, { cause });
  }
}

function knownHandler(id: string, name: string, { handlers }: HandlerTable): string {
  if (handlers.some((handler) => handler.name === name)) return name;
  throw noRuntime(id, `runtime ${JSON.stringify(name)}`, [runcShim, ...handlers.map((each) => each.name)]);
}

/** Finds the handler of a program, by its path or its file name. */
function handlerOfBinary(id: string, binary: string, { handlers }: HandlerTable): string {
  const found =
    handlers.find(({ path, name }) => path === binary || name === binary) ??
    handlers.find(({ path }) => basename(path) === binary);
  if (found !== undefined) return found.name;
  throw noRuntime(
    id,
    `binary_name ${JSON.stringify(binary)}`,
    handlers.map((each) => each.name),
  );
}

function noRuntime(id: string, what: string, known: readonly string[]): TasksError {
  return new TasksError(
    "InvalidArgument",
    `container ${id}: ${what} is not a runtime handler of berth; give one of ${known.join(", ")}, or configure it`,
  );
}
