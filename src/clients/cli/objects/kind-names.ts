import { type Kind, kindNames } from "../../manifests/index.ts";
import { CliError, usageError } from "../errors.ts";

/** The same as in kubectl. */
const shortNames: ReadonlyMap<string, Kind> = new Map([
  ["po", "Pod"],
  ["deploy", "Deployment"],
  ["rs", "ReplicaSet"],
  ["sts", "StatefulSet"],
  ["ds", "DaemonSet"],
  ["cj", "CronJob"],
  ["svc", "Service"],
  ["pvc", "PersistentVolumeClaim"],
  ["cm", "ConfigMap"],
  ["ns", "Namespace"],
]);

const events = "`berth describe KIND/NAME` shows an object's events, `berth events` those of containers";
const nodes = "this machine is the only node: `berth info` and `berth doctor` describe it";

/** What kubectl has as kinds, and where it is here. */
const elsewhere: ReadonlyMap<string, string> = new Map([
  ["event", events],
  ["events", events],
  ["ev", events],
  ["node", nodes],
  ["nodes", nodes],
  ["no", nodes],
]);

/** Parses a kind: `Deployment`, `deployments` or `deploy`. Throws CliError. */
export function parseKind(text: string): Kind {
  const lower = text.toLowerCase();
  const kind =
    shortNames.get(lower) ??
    kindNames.find((one) => [one, `${one}s`].some((name) => name.toLowerCase() === lower));
  if (kind === undefined) {
    const advice = elsewhere.get(lower) ?? kindNames.join(", ");
    throw usageError(`${JSON.stringify(text)} is not a kind: ${advice}`);
  }
  return kind;
}

/** As {@link parseKind}, but undefined for what is no kind. */
export function kindOf(text: string): Kind | undefined {
  try {
    return parseKind(text);
  } catch (error) {
    if (error instanceof CliError) return undefined;
    throw error;
  }
}

/** Parses several kinds, as in `pods,services`; empty for `all`, which means every kind. Throws CliError. */
export function parseKinds(text: string): readonly Kind[] {
  return text.toLowerCase() === "all" ? [] : text.split(",").map(parseKind);
}

export type ObjectArgument = { readonly kind: Kind; readonly name: string };

/** Parses `KIND/NAME`, or a kind and names. Throws CliError. */
export function parseObjects([first = "", ...names]: readonly string[]): readonly ObjectArgument[] {
  if (!first.includes("/")) {
    const kind = parseKind(first);
    if (names.length === 0) throw usageError(`the name of a ${kind} is missing`);
    return names.map((name) => ({ kind, name }));
  }
  return [first, ...names].map((text) => {
    const slash = text.indexOf("/");
    if (slash === -1) throw usageError(`${JSON.stringify(text)} must be KIND/NAME`);
    return { kind: parseKind(text.slice(0, slash)), name: text.slice(slash + 1) };
  });
}

/** Parses `NAME` or `NAMESPACE/NAME` of a pod, or `KIND/NAME`. Throws CliError. */
export function parsePodOrObject(
  text: string,
  namespace = "default",
): ObjectArgument & { readonly namespace: string } {
  const [first = "", ...rest] = text.split("/");
  if (rest.length === 0) return { kind: "Pod", namespace, name: text };
  const kind = kindOf(first);
  const name = rest.join("/");
  return kind === undefined ? { kind: "Pod", namespace: first, name } : { kind, namespace, name };
}

export function objectNotFound({ kind, name }: ObjectArgument, namespace: string): CliError {
  // Namespaces are in none.
  return new CliError(
    "NotFound",
    `${kind} ${kind === "Namespace" ? name : `${namespace}/${name}`} not found`,
  );
}
