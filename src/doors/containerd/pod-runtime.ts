import { containerd } from "../../ground/protocol/index.ts";
import type { TypedValue } from "../../services/containers/index.ts";
import { isPods } from "./extensions.ts";
import type { ServiceOptions } from "./options.ts";

type Record = {
  readonly runtime: { readonly name: string; readonly options?: TypedValue | undefined };
  readonly extensions: Readonly<globalThis.Record<string, TypedValue>>;
};

/** The runtime of pods' tasks that containerd's clients see. */
export const podRuntimeName = "io.containerd.runc.v2";

/**
 * Replaces the runtime of a pod's record with one that containerd's clients know. The record has the name of
 * a runtime handler, which they do not know; the handler's program goes into the options of the runc shim.
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
