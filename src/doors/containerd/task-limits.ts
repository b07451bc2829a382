import { isRecord, type JsonObject, parseSpecJson } from "../../ground/json/index.ts";
import type { containerd } from "../../ground/protocol/index.ts";
import type { TaskUpdate } from "../../services/runtime/index.ts";
import { ContainerdError } from "./errors.ts";

/**
 * Parses the limits that an OCI runtime can change in a running container: `resources` in JSON (runtime-spec,
 * config-linux.md). Device rules, which clients always send along, are ignored and stay as they are. Throws
 * InvalidArgument.
 */
export function limitsOf(
  containerId: string,
  resources: containerd.types.Any | undefined,
): TaskUpdate["limits"] {
  if (resources === undefined)
    throw new ContainerdError(
      "InvalidArgument",
      `update of container ${containerId}: resources: must be set`,
    );
  const { devices: _, ...limits } = parse(containerId, resources.value);
  return limits;
}

function parse(
  containerId: string,
  value: Uint8Array,
): TaskUpdate["limits"] & { readonly devices?: unknown } {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(value);
    return checkLimits(parseSpecJson<unknown>(text));
  } catch (cause) {
    throw new ContainerdError(
      "InvalidArgument",
      `update of container ${containerId}: resources: not those of an OCI specification in JSON`,
      { cause },
    );
  }
}

/**
 * Checks the fields that berth itself reads, and removes nulls, which mean that a field is absent. Throws
 * TypeError.
 */
function checkLimits(parsed: unknown): TaskUpdate["limits"] {
  if (!isRecord(parsed)) throw new TypeError("expected an object");
  const given = withoutNulls(parsed);
  for (const part of ["cpu", "memory", "pids", "unified"]) {
    const value = given[part];
    if (value === undefined) continue;
    if (!isRecord(value)) throw new TypeError(`${part} is not an object`);
    given[part] = mapValues(withoutNulls(value), minusOneIfHuge);
  }
  const { hugepageLimits = [] } = given;
  if (!Array.isArray(hugepageLimits) || !hugepageLimits.every(isHugepageLimit))
    throw new TypeError("hugepageLimits is not a list of sizes and limits");
  return given;
}

function withoutNulls(object: JsonObject): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));
}

function mapValues(object: JsonObject, change: (value: unknown) => unknown): JsonObject {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]));
}

/**
 * A number that does not fit a double limits nothing on any machine: becomes -1, no limit in the
 * runtime-spec.
 */
function minusOneIfHuge(value: unknown): unknown {
  return typeof value === "bigint" ? -1 : value;
}

function isHugepageLimit(value: unknown): boolean {
  return (
    isRecord(value) &&
    typeof value.pageSize === "string" &&
    (typeof value.limit === "number" || typeof value.limit === "bigint")
  );
}
