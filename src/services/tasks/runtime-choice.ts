import { basename } from "node:path";
import { containerd } from "../../ground/protocol/index.ts";
import type { Container, TypedValue } from "../containers/index.ts";
import type { HandlerTable } from "../runtime/index.ts";
import { TasksError } from "./tasks-error.ts";

/** The shim that clients ask for unless told otherwise; it stands for every handler here. */
const runcShim = "io.containerd.runc.v2";
const optionsType = "containerd.runc.v1.Options";

/** What runs a task. */
export type RuntimeChoice = {
  /** Name of a runtime handler; "" is the default. */
  readonly handler: string;
  /** See TaskSpec. */
  readonly monitorCgroup: string | undefined;
};

/**
 * By the name of the container's runtime (containerd's shim for runc, or a handler) and runc's options, those
 * of the task before the container's. Throws TasksError InvalidArgument, Unimplemented.
 */
export function chooseRuntime(
  { id, runtime }: Pick<Container, "id" | "runtime">,
  taskOptions: TypedValue | undefined,
  table: HandlerTable,
): RuntimeChoice {
  const given = taskOptions === undefined || taskOptions.typeUrl === "" ? runtime.options : taskOptions;
  const options = given === undefined || given.typeUrl === "" ? undefined : runcOptions(id, given);
  const monitorCgroup = options?.shimCgroup ? options.shimCgroup : undefined;
  if (runtime.name !== runcShim) return { handler: knownHandler(id, runtime.name, table), monitorCgroup };
  const binary = options?.binaryName ?? "";
  return { handler: binary === "" ? "" : handlerOfBinary(id, binary, table), monitorCgroup };
}

function runcOptions(id: string, { typeUrl, value }: TypedValue): containerd.runcOptions.Options {
  if (typeUrl.slice(typeUrl.lastIndexOf("/") + 1) !== optionsType)
    throw new TasksError(
      "InvalidArgument",
      `container ${id}: options: the type ${JSON.stringify(typeUrl)}; give ${optionsType}`,
    );
  const options = decoded(id, value);
  const { noPivotRoot, noNewKeyring, root } = options;
  for (const [name, value] of Object.entries({
    no_pivot_root: noPivotRoot,
    no_new_keyring: noNewKeyring,
    root,
  }))
    if (value) throw new TasksError("Unimplemented", `container ${id}: options: ${name} is not supported`);
  return options;
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

/** By its path, or by the name of its program. */
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
    `container ${id}: ${what} is no runtime handler of berth's; give one of ${known.join(", ")}, or configure it`,
  );
}
