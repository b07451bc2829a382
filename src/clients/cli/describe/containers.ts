import { itemsAt, memberAt } from "../objects/manager-calls.ts";
import type { Sheet } from "./sheet.ts";
import { writtenDate } from "./times.ts";
import { entriesAt, lineIfSet, none, textAt } from "./values.ts";

/**
 * Containers of a specification, below a title. With a pod, also their state; `level` is that of the title.
 */
export function describeContainers(
  sheet: Sheet,
  level: number,
  title: string,
  containers: readonly unknown[],
  { pod, statuses = [] }: { readonly pod?: unknown; readonly statuses?: readonly unknown[] } = {},
): void {
  if (containers.length === 0) return;
  sheet.line(level, `${title}:`);
  for (const container of containers) {
    const name = textAt(container, "name");
    const status = statuses.find((one) => textAt(one, "name") === name);
    const at = level + 2;
    sheet.line(level + 1, `${name}:`);
    if (status !== undefined) sheet.line(at, "Container ID:", textAt(status, "containerID"));
    sheet.line(at, "Image:", textAt(container, "image"));
    if (status !== undefined) sheet.line(at, "Image ID:", textAt(status, "imageID"));
    describePorts(sheet, at, "Port", "containerPort", container);
    describePorts(sheet, at, "Host Port", "hostPort", container);
    lineIfSet(sheet, at, "SeccompProfile", container, "securityContext", "seccompProfile", "type");
    describeWords(sheet, at, "Command", memberAt(container, "command"));
    describeWords(sheet, at, "Args", memberAt(container, "args"));
    if (status !== undefined) describeStatus(sheet, at, status);
    describeResources(sheet, at, memberAt(container, "resources"));
    for (const kind of ["liveness", "readiness", "startup"]) {
      const probe = memberAt(container, `${kind}Probe`);
      if (probe !== undefined)
        sheet.line(at, `${kind.charAt(0).toUpperCase()}${kind.slice(1)}:`, probeText(probe));
    }
    describeSources(sheet, at, itemsAt(container, "envFrom"));
    describeEnvironment(sheet, at, itemsAt(container, "env"), pod);
    describeMounts(sheet, at, itemsAt(container, "volumeMounts"));
  }
}

function describePorts(sheet: Sheet, level: number, title: string, key: string, container: unknown): void {
  const ports = itemsAt(container, "ports").map((port) => {
    const name = textAt(port, "name");
    return `${textAt(port, key) || 0}/${textAt(port, "protocol") || "TCP"}${name === "" ? "" : ` (${name})`}`;
  });
  sheet.line(level, `${title}${ports.length > 1 ? "s" : ""}:`, ports.join(", ") || none);
}

function describeWords(sheet: Sheet, level: number, title: string, words: unknown): void {
  if (!Array.isArray(words) || words.length === 0) return;
  sheet.line(level, `${title}:`);
  for (const word of words) for (const line of String(word).split("\n")) sheet.line(level + 1, line);
}

function describeStatus(sheet: Sheet, level: number, status: unknown): void {
  describeState(sheet, level, "State", memberAt(status, "state"));
  if (memberAt(status, "lastState", "terminated") !== undefined)
    describeState(sheet, level, "Last State", memberAt(status, "lastState"));
  sheet.line(level, "Ready:", memberAt(status, "ready") === true ? "True" : "False");
  sheet.line(level, "Restart Count:", textAt(status, "restartCount"));
}

function describeState(sheet: Sheet, level: number, title: string, state: unknown): void {
  const running = memberAt(state, "running");
  if (running !== undefined) {
    sheet.line(level, `${title}:`, "Running");
    sheet.line(level + 1, "Started:", writtenDate(textAt(running, "startedAt")));
    return;
  }
  const terminated = memberAt(state, "terminated");
  const detail = terminated ?? memberAt(state, "waiting");
  sheet.line(level, `${title}:`, terminated === undefined ? "Waiting" : "Terminated");
  lineIfSet(sheet, level + 1, "Reason", detail, "reason");
  const message = textAt(detail, "message");
  if (message !== "") sheet.lines(level + 1, "Message:", message.trimEnd());
  if (terminated === undefined) return;
  sheet.line(level + 1, "Exit Code:", textAt(terminated, "exitCode"));
  sheet.line(level + 1, "Started:", writtenDate(textAt(terminated, "startedAt")));
  sheet.line(level + 1, "Finished:", writtenDate(textAt(terminated, "finishedAt")));
}

export function describeResources(sheet: Sheet, level: number, resources: unknown): void {
  for (const [title, key] of [
    ["Limits", "limits"],
    ["Requests", "requests"],
  ] as const) {
    const amounts = entriesAt(resources, key);
    if (amounts.length === 0) continue;
    sheet.line(level, `${title}:`);
    for (const [name, amount] of amounts.toSorted(([one], [other]) => (one < other ? -1 : 1)))
      sheet.line(level + 1, `${name}:`, amount);
  }
}

/** `http-get http://:8080/ready delay=0s timeout=1s period=10s #success=1 #failure=3`. */
function probeText(probe: unknown): string {
  const number = (key: string, otherwise: number) => textAt(probe, key) || otherwise;
  const times = `delay=${number("initialDelaySeconds", 0)}s timeout=${number("timeoutSeconds", 1)}s period=${number("periodSeconds", 10)}s`;
  const limits = `#success=${number("successThreshold", 1)} #failure=${number("failureThreshold", 3)}`;
  return `${handlerText(probe)} ${times} ${limits}`;
}

function handlerText(probe: unknown): string {
  const command = memberAt(probe, "exec", "command");
  if (Array.isArray(command)) return `exec [${command.join(" ")}]`;
  const get = memberAt(probe, "httpGet");
  if (get !== undefined) {
    const scheme = (textAt(get, "scheme") || "HTTP").toLowerCase();
    return `http-get ${scheme}://${textAt(get, "host")}:${textAt(get, "port")}${textAt(get, "path")}`;
  }
  const socket = memberAt(probe, "tcpSocket");
  if (socket !== undefined) return `tcp-socket ${textAt(socket, "host")}:${textAt(socket, "port")}`;
  return `grpc <pod>:${textAt(probe, "grpc", "port")} ${textAt(probe, "grpc", "service")}`.trimEnd();
}

function describeSources(sheet: Sheet, level: number, sources: readonly unknown[]): void {
  if (sources.length === 0) return;
  sheet.line(level, "Environment Variables from:");
  for (const source of sources) {
    const key = memberAt(source, "secretRef") === undefined ? "configMapRef" : "secretRef";
    const prefix = textAt(source, "prefix");
    const from = `${key === "secretRef" ? "Secret" : "ConfigMap"}${prefix === "" ? "" : ` with prefix '${prefix}'`}`;
    sheet.line(level + 1, textAt(source, key, "name"), from, optionalText(memberAt(source, key)));
  }
}

function optionalText(source: unknown): string {
  return `Optional: ${memberAt(source, "optional") === true}`;
}

function describeEnvironment(sheet: Sheet, level: number, env: readonly unknown[], pod: unknown): void {
  sheet.list(level, "Environment:", env, (variable) => {
    const name = `${textAt(variable, "name")}:`;
    const source = memberAt(variable, "valueFrom");
    if (source === undefined) sheet.lines(level + 1, name, textAt(variable, "value"));
    else sheet.line(level + 1, name, ...sourceCells(source, pod));
  });
}

/** Where a variable's value comes from. Values of other objects are not looked up. */
function sourceCells(source: unknown, pod: unknown): readonly string[] {
  const fieldPath = textAt(source, "fieldRef", "fieldPath");
  if (fieldPath !== "") return [`${fieldText(pod, fieldPath)} (v1:${fieldPath})`.trimStart()];
  const resource = textAt(source, "resourceFieldRef", "resource");
  if (resource !== "") return [`(${resource})`];
  const file = memberAt(source, "fileKeyRef");
  if (file !== undefined)
    return [
      `<set to the key '${textAt(file, "key")}' in file '${textAt(file, "path")}' of volume '${textAt(file, "volumeName")}'>`,
      optionalText(file),
    ];
  const secret = memberAt(source, "secretKeyRef");
  const ref = secret ?? memberAt(source, "configMapKeyRef");
  const where = `${secret === undefined ? "of config map" : "in secret"} '${textAt(ref, "name")}'`;
  return [`<set to the key '${textAt(ref, "key")}' ${where}>`, optionalText(ref)];
}

/** A field of the pod's metadata; "" for others, and without a pod. */
function fieldText(pod: unknown, path: string): string {
  const [, map = "", key = ""] = /^metadata\.(labels|annotations)\['([^']*)'\]$/.exec(path) ?? [];
  if (map !== "") return textAt(pod, "metadata", map, key);
  const [, plain = ""] = /^metadata\.(name|namespace|uid)$/.exec(path) ?? [];
  return plain === "" ? "" : textAt(pod, "metadata", plain);
}

function describeMounts(sheet: Sheet, level: number, mounts: readonly unknown[]): void {
  const byPath = (one: unknown, other: unknown) =>
    textAt(one, "mountPath") < textAt(other, "mountPath") ? -1 : 1;
  sheet.list(level, "Mounts:", mounts.toSorted(byPath), (mount) => {
    const subPath = textAt(mount, "subPath") || textAt(mount, "subPathExpr");
    const flags = [
      memberAt(mount, "readOnly") === true ? "ro" : "rw",
      ...(subPath === "" ? [] : [`path=${JSON.stringify(subPath)}`]),
    ];
    sheet.line(level + 1, `${textAt(mount, "mountPath")} from ${textAt(mount, "name")} (${flags.join(",")})`);
  });
}
