import { CheckpointError } from "./checkpoint-error.ts";
import { parseObject } from "./config-dump.ts";

/**
 * The part of an archive's `spec.dump` that is compared with the restored container's spec. Never used as a
 * spec.
 */
export type SpecDump = {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly uid: number;
  readonly gid: number;
  readonly terminal: boolean;
  /** Mount points of files and directories of the host or of an image. */
  readonly bindMounts: readonly string[];
};

type Written = {
  readonly process?: {
    readonly args?: unknown;
    readonly cwd?: unknown;
    readonly terminal?: unknown;
    readonly user?: { readonly uid?: unknown; readonly gid?: unknown };
  };
  readonly mounts?: unknown;
};

/** Throws CheckpointError InvalidArgument. */
export function parseSpecDump(text: string): SpecDump {
  const { process, mounts }: Written = parseObject(text, "spec.dump");
  const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
  const binds = list(mounts).flatMap((mount) => {
    const { type, destination } = (mount ?? {}) as {
      readonly type?: unknown;
      readonly destination?: unknown;
    };
    return type === "bind" ? [destination] : [];
  });
  const args = list(process?.args);
  if (![...binds, ...args].every((text) => typeof text === "string"))
    throw new CheckpointError(
      "InvalidArgument",
      "spec.dump: an argument or a mount's destination is not a string",
    );
  return {
    args: args as readonly string[],
    cwd: String(process?.cwd ?? "/"),
    uid: Number(process?.user?.uid ?? 0),
    gid: Number(process?.user?.gid ?? 0),
    terminal: process?.terminal === true,
    bindMounts: binds as readonly string[],
  };
}
