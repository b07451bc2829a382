import type { LookUp } from "../../ground/hostpaths/index.ts";
import type { ClientOutput, ClientStreams, FirstProcessIo, LoggingProgram } from "../runtime/index.ts";
import { TasksError } from "./tasks-error.ts";

/**
 * The targets of a process's standard streams, as containerd's clients name them: "" for none, the path of a
 * FIFO, or for `stdout` a URL for both outputs: `fifo:` with the path of a FIFO, `file:` with that of a file,
 * `binary:` with that of a program.
 */
export type NamedStreams = {
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly terminal: boolean;
};

/** How a process is identified to its logging program. */
export type ProcessName = {
  /** Id of the container, or of a command in it, as containerd's shim passes it. */
  readonly id: string;
  readonly namespace: string;
};

/**
 * Translates the streams of a first process. `isMapped`: root of the container is another user on this
 * machine, and must not get the machine's null device in place of absent streams. Throws TasksError
 * InvalidArgument.
 */
export function firstProcessIo(
  streams: NamedStreams,
  name: ProcessName,
  { lookUp, isMapped }: { readonly lookUp: LookUp; readonly isMapped: boolean },
): FirstProcessIo {
  const { stdin, stdout, stderr, terminal } = streams;
  if (terminal)
    return { kind: "console", lookUp, logPath: undefined, terminal, stdin: stdin !== "", stdinOnce: false };
  if (!isMapped && [stdin, stdout, stderr].every((each) => each === "")) return { kind: "none" };
  return { kind: "client", ...clientStreams(streams, name, lookUp) };
}

/** Translates the streams of a command. Throws TasksError InvalidArgument. */
export function clientStreams(
  { stdin, stdout, stderr }: NamedStreams,
  name: ProcessName,
  lookUp: LookUp,
): ClientStreams {
  return { stdin: fifoPath("stdin", stdin), output: outputOf(stdout, stderr, name), lookUp };
}

function outputOf(stdout: string, stderr: string, name: ProcessName): ClientOutput {
  const scheme = schemeOf(stdout);
  switch (scheme) {
    case "fifo":
      return { kind: "fifos", stdout: fifoPath("stdout", stdout), stderr: fifoPath("stderr", stderr) };
    case "file":
      return { kind: "file", path: pathOf("stdout", stdout) };
    case "binary":
    case "binary-v2":
      return { kind: "program", program: programOf(stdout, name, scheme === "binary-v2") };
    default:
      throw unknownScheme(
        "stdout",
        stdout,
        "the path of a FIFO, file:///PATH, or binary:///PATH?ARGUMENT=VALUE",
      );
  }
}

/**
 * The names and values of the query become its arguments (containerd's core/runtime/v2/README.md, "Logging").
 */
function programOf(name: string, { id, namespace }: ProcessName, mustSayReady: boolean): LoggingProgram {
  const path = pathOf("stdout", name);
  const { searchParams } = new URL(name);
  const args = [...new Set(searchParams.keys())].flatMap((key) => [key, searchParams.get(key) ?? ""]);
  return { path, args, env: { CONTAINER_ID: id, CONTAINER_NAMESPACE: namespace }, mustSayReady };
}

function fifoPath(field: string, name: string): string | undefined {
  if (name === "") return undefined;
  if (schemeOf(name) !== "fifo") throw unknownScheme(field, name, "the path of a FIFO");
  return pathOf(field, name);
}

/** The scheme of a URL; a bare path is a FIFO. */
function schemeOf(name: string): string {
  return /^([a-z][a-z0-9+.-]*):/.exec(name)?.[1] ?? "fifo";
}

function unknownScheme(field: string, name: string, known: string): TasksError {
  return new TasksError(
    "InvalidArgument",
    `${field}: ${JSON.stringify(name)}: ${schemeOf(name)}: is not supported here; give ${known}`,
  );
}

function pathOf(field: string, name: string): string {
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
