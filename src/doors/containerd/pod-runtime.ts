import { containerd } from "../../ground/protocol/index.ts";
import type { TypedValue } from "../../services/containers/index.ts";
import { isPods } from "./extensions.ts";
import type { ServiceOptions } from "./options.ts";

type Record = {
  readonly runtime: { readonly name: string; readonly options?: TypedValue | undefined };
  readonly extensions: Readonly<globalThis.Record<string, TypedValue>>;
};

/** What runs the tasks of pods, as clients of containerd are told. */
export const podRuntimeName = "io.containerd.runc.v2";

/**
 * A record as clients of containerd know such ones: of a pod's the engine keeps the handler's name, of which
 * they know nothing; its program is in the options of runc's shim.
 */
export function withKnownRuntime<Given extends Record>(
  record: Given,
  { podRuntime }: Pick<ServiceOptions, "podRuntime">,
): Given {
  if (!isPods(record)) return record;
  const { Options } = containerd.runcOptions;
  const value = Options.encode(Options.fromPartial(podRuntime(record.runtime.name))).finish();
  const options = { typeUrl: "containerd.runc.v1.Options", value };
  return { ...record, runtime: { name: podRuntimeName, options } };
}
