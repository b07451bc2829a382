import { type Check, refuse } from "./check.ts";

/** Kubernetes allows 253 characters in a name; other clients use longer ones. */
const maxNameBytes = 512;
/** PATH_MAX. */
const maxPathBytes = 4096;
/** Limit of Linux' UTS namespace. */
const maxHostnameBytes = 64;

/** Text of one line: no control character, of a limited length. */
export function line(maxBytes: number): Check<string> {
  return (value, path) => {
    if (hasControlCharacter(value)) refuse(path, "must not contain newlines or other control characters");
    limit(value, path, maxBytes);
  };
}

/** `line` without white space. */
export function word(maxBytes: number): Check<string> {
  return (value, path) => {
    line(maxBytes)(value, path);
    if (/\s/.test(value)) refuse(path, `must not contain white space, is ${quote(value)}`);
  };
}

export function nonEmpty(check: Check<string>): Check<string> {
  return (value, path) => {
    if (value === "") refuse(path, "must not be empty");
    check(value, path);
  };
}

/** For fields in which an empty string means unset. */
export function orEmpty(check: Check<string>): Check<string> {
  return (value, path) => {
    if (value !== "") check(value, path);
  };
}

export function matching(pattern: RegExp, expected: string): Check<string> {
  return (value, path) => {
    if (!pattern.test(value)) refuse(path, `must be ${expected}, is ${quote(value)}`);
  };
}

/** A name that may become part of a path. */
export const name: Check<string> = nonEmpty((value, path) => {
  line(maxNameBytes)(value, path);
  notPath(value, path);
});

/**
 * The id of a sandbox or container, or what may be a prefix of one. Clients also send ids that berth never
 * created.
 */
export const id: Check<string> = nonEmpty(
  matching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/, "an id of letters, digits, dots, dashes and underscores"),
);

/**
 * Not only DNS names: the kernel accepts anything, and kubelets without a cluster domain send
 * `pod.subdomain.ns.svc.`. It becomes a word in /etc/hosts, and programs use it in file names.
 */
export const hostname: Check<string> = (value, path) => {
  word(maxHostnameBytes)(value, path);
  notPath(value, path);
};

/** A path on the host from which names are derived: absolute, without `..`. */
export const hostPath: Check<string> = (value, path) => {
  absolutePath(value, path);
  withoutParent(value, path);
};

/** A path on the host that only the kernel resolves, including `..`: absolute. */
export const hostSource: Check<string> = absolutePath;

/**
 * A path in a container: absolute. Pods may have `..` in theirs, which the OCI runtime resolves within the
 * root filesystem; it must not lead above that.
 */
export const containerPath: Check<string> = (value, path) => {
  absolutePath(value, path);
  staysBelow(value, path, "the container");
};

/** A path that is joined to the log directory, as in other runtimes: even one that begins with `/`. */
export const logPath: Check<string> = (value, path) => {
  line(maxPathBytes)(value, path);
  staysBelow(value, path, "the log directory");
};

/** A path that will be joined to a directory and must stay in it. */
export const relativePath: Check<string> = (value, path) => {
  line(maxPathBytes)(value, path);
  if (value.startsWith("/")) refuse(path, `must be a relative path, is ${quote(value)}`);
  withoutParent(value, path);
};

/** A path or a systemd slice. */
export const cgroupParent: Check<string> = (value, path) => {
  line(maxPathBytes)(value, path);
  withoutParent(value, path);
};

/**
 * A sysctl's name with dots or slashes between its parts; a part may hold dots when they are slashes (an
 * interface's name).
 */
export const sysctlName: Check<string> = (value, path) => {
  limit(value, path, 253);
  const part = /^[A-Za-z0-9_-][A-Za-z0-9_.-]*$/;
  const parts = value.split(value.includes("/") ? "/" : ".");
  if (!parts.every((one) => part.test(one) && !one.includes(".."))) {
    refuse(path, `${quote(value)} is not the name of a sysctl`);
  }
};

/** A value to write to a file of /proc/sys; several numbers may be separated by tabs. */
export const sysctlValue: Check<string> = (value, path) => {
  if (/[\r\n]/.test(value)) refuse(path, "must not contain newlines");
};

/** Checks every key and value, and their total size. */
export function map(
  key: Check<string>,
  value: Check<string>,
  maxBytes: number,
): Check<Readonly<Record<string, string>>> {
  return (entries, path) => {
    let bytes = 0;
    for (const [entryKey, entryValue] of Object.entries(entries)) {
      const entryPath = `${path}[${quote(entryKey)}]`;
      key(entryKey, entryPath);
      value(entryValue, entryPath);
      bytes += Buffer.byteLength(entryKey) + Buffer.byteLength(entryValue);
    }
    if (bytes > maxBytes) refuse(path, `must not be larger than ${maxBytes} bytes in all, is ${bytes}`);
  };
}

export const anyText: Check<string> = () => {};

function absolutePath(value: string, path: string): void {
  line(maxPathBytes)(value, path);
  if (!value.startsWith("/")) refuse(path, `must be an absolute path, is ${quote(value)}`);
}

function staysBelow(value: string, path: string, root: string): void {
  let depth = 0;
  for (const component of value.split("/")) {
    if (component !== "" && component !== ".") depth += component === ".." ? -1 : 1;
    if (depth < 0) refuse(path, `must not leave ${root} with "..", is ${quote(value)}`);
  }
}

function notPath(value: string, path: string): void {
  if (value.includes("/") || value === "." || value === "..")
    refuse(path, `must not be a path, is ${quote(value)}`);
}

function withoutParent(value: string, path: string): void {
  if (value.split("/").includes("..")) refuse(path, `must not contain "..", is ${quote(value)}`);
}

function limit(value: string, path: string, maxBytes: number): void {
  const bytes = Buffer.byteLength(value);
  if (bytes > maxBytes) refuse(path, `must not be longer than ${maxBytes} bytes, is ${bytes}`);
}

function hasControlCharacter(value: string): boolean {
  return /\p{Cc}/u.test(value);
}

function quote(value: string): string {
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}...` : value);
}

/** Kubernetes' own labels of a pod or container are far below this. */
export const labels = map(line(1024), anyText, 256 * 1024);

/**
 * Kubernetes allows 256 KiB for a pod's own, to which the kubelet adds more; it also sends them with images.
 */
export const annotations = map(line(1024), anyText, 1024 * 1024);
