import { type Command, Option } from "commander";

/** Options of every command that talks to a CRI endpoint. */
export type ConnectionOptions = { readonly address?: string; readonly timeout?: string };

/** Options of every command that prints data. */
export type OutputOptions = { readonly output?: "table" | "json" | "yaml"; readonly trunc?: boolean };

export function addConnectionOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--address <socket>",
        "CRI endpoint: a path or unix://PATH (BERTH_ADDRESS; default /run/berth/berth.sock)",
      ).helpGroup("Connection:"),
    )
    .addOption(
      new Option(
        "--timeout <duration>",
        "how long to wait for a response; 0 waits forever (default 2m)",
      ).helpGroup("Connection:"),
    );
}

export function addOutputOption(
  command: Command,
  formats: readonly string[] = ["table", "json", "yaml"],
): Command {
  return command.addOption(
    new Option("-o, --output <format>", `format (default ${formats[0]})`).choices(formats),
  );
}

/** The options of the command, and those of the commands above it whose names it does not have. */
export function optionsOf<Options extends object>(command: Command): Options {
  const above: object = command.parent === null ? {} : optionsOf(command.parent);
  return { ...above, ...command.opts<Options>() };
}

/** Collects the values of an option that may be given several times. */
export function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value];
}

/** Options that select pods and containers. */
export type FilterOptions = { readonly namespace?: string; readonly label?: readonly string[] };

export function addFilterOptions(command: Command): Command {
  return command
    .option("-n, --namespace <namespace>", "only in this Kubernetes namespace")
    .option("-l, --label <key=value>", "only with this label (may be repeated)", collect);
}

/** Options of every command that prints a list. */
export function addListOptions(command: Command): Command {
  return addOutputOption(command)
    .option("-q, --quiet", "print ids only")
    .option("--no-trunc", "do not shorten ids");
}

/** Says which kind of object a name means, if there could be several. */
export type TypeOption<Type extends string> = { readonly type?: Type };

export function addTypeOption(command: Command, types: readonly string[]): Command {
  return command.addOption(
    new Option("--type <type>", "what the name refers to, if it is ambiguous").choices(types),
  );
}
