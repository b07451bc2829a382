import type { LookUp } from "../../ground/hostpaths/index.ts";
import type { Fifos, FirstProcessIo } from "../runtime/index.ts";
import { TasksError } from "./tasks-error.ts";

/**
 * Where a process's standard streams lead, as containerd's clients say it: "" for nowhere, the path of a
 * FIFO, or for a first process's `stdout` a URL: `fifo:` with such a path, `file:` with that of a file which
 * both outputs are appended to.
 */
export type NamedStreams = {
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly terminal: boolean;
};

/** Throws TasksError InvalidArgument, Unimplemented. */
export function firstProcessIo(streams: NamedStreams, lookUp: LookUp): FirstProcessIo {
  const { stdin, stdout, stderr, terminal } = streams;
  if (terminal)
    return { kind: "console", lookUp, logPath: undefined, terminal, stdin: stdin !== "", stdinOnce: false };
  if ([stdin, stdout, stderr].every((name) => name === "")) return { kind: "none" };
  if (schemeOf(stdout) !== "file") return { kind: "fifos", ...fifosOf(streams, lookUp) };
  const path = pathOf("stdout", stdout, "file");
  return { kind: "file", path, stdin: fifoPath("stdin", stdin), lookUp };
}

/** Throws TasksError InvalidArgument. */
export function fifosOf({ stdin, stdout, stderr }: NamedStreams, lookUp: LookUp): Fifos {
  return {
    stdin: fifoPath("stdin", stdin),
    stdout: fifoPath("stdout", stdout),
    stderr: fifoPath("stderr", stderr),
    lookUp,
  };
}

function fifoPath(field: string, name: string): string | undefined {
  return name === "" ? undefined : pathOf(field, name, "fifo");
}

/** A bare path is a FIFO's. */
function schemeOf(name: string): string {
  return /^([a-z][a-z0-9+.-]*):/.exec(name)?.[1] ?? "fifo";
}

function pathOf(field: string, name: string, wanted: "fifo" | "file"): string {
  const scheme = schemeOf(name);
  if (scheme !== wanted)
    throw new TasksError(
      scheme === "binary" || scheme === "binary-v2" ? "Unimplemented" : "InvalidArgument",
      `${field}: ${JSON.stringify(name)}: berth knows no ${scheme}: here; give the path of a FIFO${field === "stdout" ? ", or file:///PATH" : ""}`,
    );
  const path = name.startsWith("/") ? name : pathOfUrl(name);
  if (path?.startsWith("/") && !path.includes("\0")) return path;
  throw new TasksError("InvalidArgument", `${field}: ${JSON.stringify(name)} has no absolute path`);
}

function pathOfUrl(name: string): string | undefined {
  const { host, pathname } = URL.parse(name) ?? {};
  try {
    return host === "" && pathname !== undefined ? decodeURIComponent(pathname) : undefined;
  } catch {
    return undefined;
  }
}
