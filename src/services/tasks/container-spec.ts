import { posix } from "node:path";
import { isRecord, parseSpecJson } from "../../ground/json/index.ts";
import type { Container } from "../containers/index.ts";
import type { OciSpec } from "../runtime/index.ts";
import { TasksError } from "./tasks-error.ts";

/** The client's specification, in which fields that berth itself needs may be absent. */
type GivenSpec = Partial<Omit<OciSpec, "process" | "linux">> & {
  readonly process?: Partial<OciSpec["process"]>;
  readonly linux?: Partial<OciSpec["linux"]>;
};

/**
 * The OCI specification in a container's record, with every field that the client wrote, whether berth knows
 * it or not. Throws TasksError InvalidArgument, and FailedPrecondition for a container that has none because
 * its owner creates it at the start.
 */
export function containerSpec(namespace: string, { id, spec }: Container, terminal: boolean): OciSpec {
  if (spec === undefined)
    throw new TasksError(
      "FailedPrecondition",
      `container ${id} has no OCI specification; create it with one, or start it through the client that created it`,
    );
  const given = parse(id, spec);
  const { process, linux } = given;
  if (linux !== undefined) checkLinux(id, linux);
  if (process === undefined || linux === undefined)
    throw invalid(id, `it has no ${process === undefined ? "process" : "linux"}`);
  if ((process.terminal ?? false) !== terminal)
    throw invalid(id, `process.terminal is not ${terminal}, as that of the task`);
  const { user = { uid: 0, gid: 0, additionalGids: [] } } = process;
  const { namespaces = [], resources = { devices: [] }, cgroupsPath = "" } = linux;
  return {
    ...(given as OciSpec),
    // Older OCI runtimes reject versions that they do not know although they could run the container: crun
    // 1.8 does not know 1.1. Newer versions only add fields.
    ociVersion: "1.0.2",
    process: { ...process, user } as OciSpec["process"],
    linux: {
      ...linux,
      ...rootfsPropagation(given),
      namespaces,
      resources,
      cgroupsPath: checkedCgroup(id, cgroupsPath === "" ? posix.join(namespace, id) : cgroupsPath),
    } as OciSpec["linux"],
  };
}

/** The group id on this machine of root in the container's user namespace; 0 without one. */
export function rootGroup({ gidMappings = [] }: Pick<OciSpec["linux"], "gidMappings">): number {
  return gidMappings.find(({ containerID }) => (containerID ?? 0) === 0)?.hostID ?? 0;
}

/**
 * Sets the root's propagation if nothing does. Otherwise crun (1.8.1 and 1.28) makes all mounts of the
 * container private, even those whose options request something else, which runc leaves as they are.
 * "private" applies only to the root.
 */
function rootfsPropagation({ linux, mounts }: GivenSpec): Pick<OciSpec["linux"], "rootfsPropagation"> {
  const asked: unknown[] = ["shared", "rshared", "unbindable", "runbindable"];
  const options = (Array.isArray(mounts) ? mounts : []).flatMap((mount: unknown) =>
    isRecord(mount) ? mount.options : [],
  );
  if (linux?.rootfsPropagation || !options.some((option) => asked.includes(option))) return {};
  return { rootfsPropagation: "private" };
}

/** Checks what berth itself reads; the OCI runtime checks the rest. */
function checkLinux(
  id: string,
  { namespaces, resources, cgroupsPath, gidMappings }: Partial<Record<string, unknown>>,
) {
  if (gidMappings !== undefined && !(Array.isArray(gidMappings) && gidMappings.every(isMapping)))
    throw invalid(id, "linux.gidMappings is not a list of mappings");
  if (cgroupsPath !== undefined && typeof cgroupsPath !== "string")
    throw invalid(id, "linux.cgroupsPath is not a string");
  if (namespaces !== undefined && !(Array.isArray(namespaces) && namespaces.every(isRecord)))
    throw invalid(id, "linux.namespaces is not a list of objects");
  if (resources !== undefined && !isRecord(resources)) throw invalid(id, "linux.resources is not an object");
}

function isMapping(given: unknown): boolean {
  if (!isRecord(given)) return false;
  const { containerID = 0, hostID = 0 } = given as Partial<Record<string, unknown>>;
  return [containerID, hostID].every(
    (each) => Number.isInteger(each) && Number(each) >= 0 && Number(each) < 2 ** 32,
  );
}

function parse(id: string, { typeUrl, value }: NonNullable<Container["spec"]>): GivenSpec {
  try {
    const parsed = parseSpecJson<unknown>(new TextDecoder("utf-8", { fatal: true }).decode(value));
    if (
      isRecord(parsed) &&
      [parsed.process, parsed.linux].every((part) => part === undefined || isRecord(part))
    )
      return parsed;
    throw new TypeError("no object");
  } catch (cause) {
    throw new TasksError(
      "InvalidArgument",
      `container ${id}: its spec (${typeUrl}) is not an OCI specification in JSON`,
      { cause },
    );
  }
}

/**
 * Checks a cgroup path: `SLICE:PREFIX:NAME` for systemd, otherwise a path below the root of the hierarchy.
 * The root itself is rejected, since everything in a task's cgroup is killed with it.
 */
function checkedCgroup(id: string, path: string): string {
  if (/^[^/:]*:[^/:]*:[^/:]+$/.test(path)) return path;
  const absolute = posix.join("/", path);
  const parts = path.split("/");
  if (absolute === "/" || parts.includes("..") || parts.includes("."))
    throw invalid(id, `linux.cgroupsPath: ${JSON.stringify(path)} is not a cgroup for one container`);
  return absolute.replace(/\/$/, "");
}

function invalid(id: string, why: string): TasksError {
  return new TasksError("InvalidArgument", `container ${id}: its spec: ${why}`);
}
