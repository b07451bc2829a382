import type { Command } from "commander";
import { connect } from "../client/connect.ts";
import { CliError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { parseKind, parseObjects } from "../objects/kind-names.ts";
import { type ListedObject, listObjects } from "../objects/manager-calls.ts";
import { readyOf, restartsOf, stateOf } from "../objects/summary.ts";
import { addConnectionOptions, addListOptions, type ConnectionOptions, optionsOf } from "../options.ts";
import { type ListOptions, printList } from "../output/print-list.ts";
import { formatAge } from "../output/units.ts";

type Options = ConnectionOptions &
  ListOptions & { readonly namespace?: string; readonly allNamespaces?: boolean };

const description = "Lists objects of berthd's pod manager: all, of one kind, or by name.";

const examples = `
Examples:
  berth get
  berth get pods
  berth get deployment web -o yaml
`;

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .argument("[kind]", "kind, such as pods, or KIND/NAME")
    .argument("[name...]", "names of objects of the kind")
    .option("-n, --namespace <namespace>", 'namespace (default "default")')
    .option("-A, --all-namespaces", "objects of all namespaces");
  addListOptions(command);
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action((kind: string | undefined, names: string[]) =>
      get(kind, names, optionsOf<Options>(command), invocation),
    );
}

async function get(
  kind: string | undefined,
  names: readonly string[],
  options: Options,
  invocation: Invocation,
): Promise<void> {
  using client = await connect(options, invocation);
  const { namespace = "default", allNamespaces = false } = options;
  const wanted =
    kind === undefined || (names.length === 0 && !kind.includes("/")) ? [] : parseObjects([kind, ...names]);
  const onlyKind = kind === undefined || kind.includes("/") ? "" : parseKind(kind);
  const inNamespace = allNamespaces || onlyKind === "Namespace" ? "" : namespace;
  const listed = await listObjects(client, { kind: onlyKind, namespace: inNamespace });
  // Only those who ask for them see what `berth rollout history` shows.
  const all = kind === undefined ? listed.filter((one) => one.kind !== "ControllerRevision") : listed;
  for (const { kind: wantedKind, name } of wanted)
    if (!all.some((one) => one.kind === wantedKind && one.name === name))
      throw new CliError("NotFound", `${wantedKind} ${namespace}/${name} not found`);
  const rows =
    wanted.length === 0
      ? all
      : all.filter((one) => wanted.some(({ kind: k, name }) => k === one.kind && name === one.name));
  const nowMs = Date.now();
  await printList<ListedObject>(
    {
      rows,
      columns: [
        ...(allNamespaces ? [{ title: "NAMESPACE", value: (row: ListedObject) => row.namespace }] : []),
        { title: "KIND", value: (row) => row.kind },
        { title: "NAME", value: (row) => row.name },
        { title: "READY", value: readyOf },
        { title: "STATE", value: stateOf },
        { title: "RESTARTS", value: restartsOf },
        { title: "AGE", value: (row) => formatAge(row.createdAtNs, nowMs) },
      ],
      idOf: ({ kind: k, name }) => `${k.toLowerCase()}/${name}`,
      toJson: () => {
        const [only] = rows;
        if (wanted.length === 1 && only !== undefined) return only.object;
        return { apiVersion: "v1", kind: "List", items: rows.map(({ object }) => object) };
      },
    },
    options,
    invocation,
  );
}
