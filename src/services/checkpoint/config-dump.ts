import { isRecord } from "../../ground/json/index.ts";
import { CheckpointError } from "./checkpoint-error.ts";

/** `config.dump`: the part of Podman's container configuration that all engines write. */
export type ConfigDump = {
  readonly id: string;
  readonly name: string;
  /** The image as requested. */
  readonly rootfsImage: string;
  /** Its id or digest reference. */
  readonly rootfsImageRef: string;
  readonly rootfsImageName: string;
  /** Name of the OCI runtime's handler. */
  readonly runtime: string;
  readonly createdTime: string;
  readonly checkpointedTime: string;
  readonly restored: boolean;
};

/** Parses any engine's `config.dump`. Throws CheckpointError InvalidArgument. */
export function parseConfigDump(text: string): ConfigDump {
  const value = parseObject(text, "config.dump");
  const string = (key: string): string => {
    const field = value[key] ?? "";
    if (typeof field === "string") return field;
    throw new CheckpointError("InvalidArgument", `config.dump: ${key} is not a string`);
  };
  return {
    id: string("id"),
    name: string("name"),
    rootfsImage: string("rootfsImage"),
    rootfsImageRef: string("rootfsImageRef"),
    rootfsImageName: string("rootfsImageName"),
    runtime: string("runtime"),
    createdTime: string("createdTime"),
    checkpointedTime: string("checkpointedTime"),
    restored: value.restored === true,
  };
}

export function parseObject(text: string, name: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CheckpointError("InvalidArgument", `${name} is not JSON`, { cause });
  }
  if (isRecord(value)) return value;
  throw new CheckpointError("InvalidArgument", `${name} is not an object`);
}
