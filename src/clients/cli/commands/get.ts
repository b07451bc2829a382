import { setTimeout as delay } from "node:timers/promises";
import type { Command } from "commander";
import type { Client } from "../../criclient/index.ts";
import { type Kind, kindNames } from "../../manifests/index.ts";
import { connect } from "../client/connect.ts";
import { type CliError, usageError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { columnsOfKind } from "../objects/kind-columns.ts";
import { objectNotFound, parseKinds, parseObjects } from "../objects/kind-names.ts";
import { parseSelector } from "../objects/label-selector.ts";
import { type ListedObject, listObjects, memberAt } from "../objects/manager-calls.ts";
import { addressOf, imagesOf, labelsOf, portsOf, readyOf, restartsOf, stateOf } from "../objects/summary.ts";
import { addConnectionOptions, addOutputOption, type ConnectionOptions, optionsOf } from "../options.ts";
import { printList } from "../output/print-list.ts";
import { type Column, renderTable } from "../output/table.ts";
import { formatAge } from "../output/units.ts";
import { write } from "../output/write.ts";
import { eachOf } from "./each-name.ts";

type Options = ConnectionOptions & {
  readonly namespace?: string;
  readonly allNamespaces?: boolean;
  readonly selector?: string;
  readonly showLabels?: boolean;
  readonly watch?: boolean;
  readonly quiet?: boolean;
  readonly output?: "table" | "wide" | "name" | "json" | "yaml";
};

const description = "Lists objects of berthd's pod manager: all, of some kinds, or by name.";

const examples = `
Examples:
  berth get
  berth get pods -w
  berth get pods,services -l app=web
  berth get deployment web -o yaml
`;

/** How often watched objects are fetched. */
const pollMs = 500;

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .argument("[kind]", "kinds, such as pods or pods,services; all; or KIND/NAME")
    .argument("[name...]", "names of objects of the kind")
    .option("-n, --namespace <namespace>", 'namespace (default "default")')
    .option("-A, --all-namespaces", "objects of all namespaces")
    .option("-l, --selector <labels>", "only objects with these labels, such as app=web,tier!=test")
    .option("--show-labels", "show labels too")
    .option("-w, --watch", "go on, and show each object again when it has changed or is gone")
    .option("-q, --quiet", "print names only, as -o name does");
  addOutputOption(command, ["table", "wide", "name", "json", "yaml"]);
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action((kind: string | undefined, names: string[]) =>
      get(kind === undefined ? [] : [kind, ...names], optionsOf<Options>(command), invocation),
    );
}

async function get(words: readonly string[], options: Options, invocation: Invocation): Promise<void> {
  const choice = chosenBy(words, options);
  using client = await connect(options, invocation);
  if (options.watch === true) return await watch(client, choice, options, invocation);
  const rows = (await choice.list(client)).filter(choice.fits);
  const missing = choice.missing(rows);
  const isTable = !asksForNames(options) && !isStructured(options);
  if (rows.length > 0 || (!isTable && missing.length === 0))
    await printRows(rows, choice, options, invocation);
  else if (missing.length === 0)
    await write(invocation.io.stderr, `No resources found${inNamespace(choice.within)}\n`);
  await eachOf(missing, (error) => Promise.reject(error), invocation);
}

function isStructured({ output }: Options): boolean {
  return output === "json" || output === "yaml";
}

function inNamespace(namespace: string): string {
  return namespace === "" ? "" : ` in ${namespace} namespace.`;
}

async function printRows(
  rows: readonly ListedObject[],
  choice: Choice,
  options: Options,
  invocation: Invocation,
): Promise<void> {
  const { output } = options;
  await printList<ListedObject>(
    {
      rows,
      columns: columnsOf(choice, options),
      idOf,
      toJson: () =>
        choice.isOne
          ? rows[0]?.object
          : { apiVersion: "v1", kind: "List", items: rows.map(({ object }) => object) },
    },
    {
      quiet: asksForNames(options),
      ...(output === "json" || output === "yaml" ? { output } : {}),
    },
    invocation,
  );
}

const idOf = ({ kind, name }: ListedObject) => `${kind.toLowerCase()}/${name}`;

function asksForNames({ quiet = false, output }: Options): boolean {
  return quiet || output === "name";
}

/** The objects that the arguments and options select. */
type Choice = {
  /** Returns the objects of any labels, sorted by kind, namespace and name. Throws CliError. */
  readonly list: (client: Client) => Promise<readonly ListedObject[]>;
  /** Whether an object has the labels that are asked for. */
  readonly fits: (object: ListedObject) => boolean;
  /** An error for each requested name that is missing. */
  readonly missing: (rows: readonly ListedObject[]) => readonly CliError[];
  /** The namespace of all objects; "" for any, or for those in none. */
  readonly within: string;
  readonly isOne: boolean;
  /** The kind of all objects, if only one was asked for. */
  readonly kind: Kind | undefined;
};

/** Throws CliError. */
function chosenBy(words: readonly string[], options: Options): Choice {
  const { namespace = "default", allNamespaces = false, selector } = options;
  const [first = "all"] = words;
  const named = words.length > 1 || first.includes("/") ? parseObjects(words) : [];
  const kinds = named.length > 0 ? [] : parseKinds(first);
  if (named.length > 0 && selector !== undefined) throw usageError("give either names or --selector");
  if (allNamespaces && named.some(({ kind }) => kind !== "Namespace"))
    throw usageError("a name is one of a namespace: leave out --all-namespaces");
  const fits = selector === undefined ? () => true : parseSelector(selector);
  const isAsked = ({ kind, name }: ListedObject) => {
    if (named.length > 0) return named.some((one) => one.kind === kind && one.name === name);
    if (kinds.length > 0) return kinds.some((one) => one === kind);
    // The revisions that `berth rollout history` shows are listed only on request.
    return kind !== "ControllerRevision" && (kind !== "Namespace" || allNamespaces);
  };
  const asked = new Set<Kind>(named.length > 0 ? named.map(({ kind }) => kind) : kinds);
  const [only, ...more] = asked;
  // Namespaces are not in a namespace.
  const within = allNamespaces || asked.has("Namespace") ? "" : namespace;
  return {
    fits,
    async list(client) {
      const listed = await listObjects(client, {
        kind: more.length === 0 ? (only ?? "") : "",
        namespace: within,
      });
      return listed
        .filter((one) => allNamespaces || one.namespace === namespace || one.namespace === "")
        .filter(isAsked)
        .toSorted(byPlace);
    },
    missing: (rows) =>
      named
        .filter(({ kind, name }) => !rows.some((one) => one.kind === kind && one.name === name))
        .map((one) => objectNotFound(one, namespace)),
    within,
    isOne: named.length === 1,
    kind: more.length === 0 ? only : undefined,
  };
}

function byPlace(one: ListedObject, other: ListedObject): number {
  const kinds: readonly string[] = kindNames;
  return (
    kinds.indexOf(one.kind) - kinds.indexOf(other.kind) ||
    compared(one.namespace, other.namespace) ||
    compared(one.name, other.name)
  );
}

/** By bytes, as kubectl has it: the names are ASCII. */
function compared(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

function columnsOf(
  { kind }: Choice,
  { allNamespaces = false, showLabels = false, output }: Options,
): readonly Column<ListedObject>[] {
  const nowMs = Date.now();
  const wide = output === "wide";
  return [
    ...(allNamespaces ? [{ title: "NAMESPACE", value: (row: ListedObject) => row.namespace }] : []),
    ...(kind === undefined ? columnsOfAny(nowMs, wide) : columnsOfKind(kind, { wide, nowMs })),
    ...(showLabels ? [{ title: "LABELS", value: labelsOf }] : []),
  ];
}

/** Columns for objects of several kinds. */
function columnsOfAny(nowMs: number, wide: boolean): readonly Column<ListedObject>[] {
  return [
    { title: "KIND", value: (row) => row.kind },
    { title: "NAME", value: (row) => row.name },
    { title: "READY", value: readyOf },
    { title: "STATE", value: stateOf },
    { title: "RESTARTS", value: restartsOf },
    { title: "AGE", value: (row) => formatAge(row.createdAtNs, nowMs) },
    ...(wide
      ? [
          { title: "IP", value: addressOf },
          { title: "PORTS", value: portsOf },
          { title: "IMAGES", value: imagesOf },
        ]
      : []),
  ];
}

function uidOf({ object }: ListedObject): unknown {
  return memberAt(object, "metadata", "uid");
}

/** As it was last, but for its state. */
function asGone(row: ListedObject): ListedObject {
  return { ...row, gone: true };
}

/**
 * Prints the table, or the names, and then a line for each object that changes or is gone, until it is
 * interrupted. An object that was deleted may come back.
 */
async function watch(
  client: Client,
  choice: Choice,
  options: Options,
  { io, signal }: Invocation,
): Promise<void> {
  const { output = "table" } = options;
  const namesOnly = asksForNames(options);
  if (!namesOnly && output !== "table" && output !== "wide")
    throw usageError("--watch prints a table or names: leave out --output");
  let shown = new Map<unknown, string>();
  let last = new Map<unknown, ListedObject>();
  for (let turn = 0; ; turn++) {
    const listed = await choice.list(client);
    const rows = listed.filter(choice.fits);
    const [missing] = turn === 0 ? choice.missing(rows) : [];
    if (missing !== undefined) throw missing;
    const columns = columnsOf(choice, options);
    // One that is gone is shown once more: it may have had no time to be seen on its way. So is one that has
    // other labels now.
    const before = last;
    last = new Map(rows.map((row) => [uidOf(row), row]));
    const there = new Map(listed.map((row) => [uidOf(row), row]));
    const left = [...before].flatMap(([uid, row]) => (last.has(uid) ? [] : [there.get(uid) ?? asGone(row)]));
    const [header = "", ...lines] = renderTable(columns, [...rows, ...left])
      .trimEnd()
      .split("\n");
    const now = new Map<unknown, string>();
    const changed = rows.flatMap((row, index) => {
      const uid = uidOf(row);
      const cells = columns
        .filter(({ title }) => title !== "AGE")
        .map(({ value }) => value(row))
        .join("\0");
      now.set(uid, cells);
      if (shown.get(uid) === cells) return [];
      return [namesOnly ? idOf(row) : (lines[index] ?? "")];
    });
    shown = now;
    // A name alone would not say so.
    const leaving = namesOnly ? [] : lines.slice(rows.length);
    const text = [...(turn === 0 && !namesOnly ? [header] : []), ...leaving, ...changed];
    if (text.length > 0) await write(io.stdout, `${text.join("\n")}\n`);
    await delay(pollMs, undefined, { signal });
  }
}
