import type { Argument, Command, Option } from "commander";

/** What can complete a word: fixed words, names from the endpoint, files, or nothing that we can know. */
export type Words =
  | { readonly kind: "fixed"; readonly words: readonly string[] }
  | { readonly kind: "names"; readonly of: NameKind }
  | { readonly kind: "files" }
  | { readonly kind: "free" };

export const nameKinds = ["pods", "containers", "objects", "images", "profiles"] as const;
export type NameKind = (typeof nameKinds)[number];

export type OptionModel = {
  readonly short: string | undefined;
  readonly long: string;
  readonly description: string;
  /** The words for its value; undefined for an option without one. */
  readonly value: Words | undefined;
};

/** What a completion script needs to know about one command. */
export type CommandModel = {
  /** `[]` for berth itself, or `["image", "import"]`. */
  readonly path: readonly string[];
  readonly subcommands: readonly { readonly name: string; readonly summary: string }[];
  readonly options: readonly OptionModel[];
  readonly arguments: Words;
};

/** The words for an argument or an option's value, by its name in the help. */
const wordsByName: Readonly<Record<string, Words>> = {
  pod: { kind: "names", of: "pods" },
  container: { kind: "names", of: "containers" },
  name: { kind: "names", of: "objects" },
  image: { kind: "names", of: "images" },
  reference: { kind: "names", of: "images" },
  profile: { kind: "names", of: "profiles" },
  archive: { kind: "files" },
  file: { kind: "files" },
  source: { kind: "files" },
  path: { kind: "files" },
  socket: { kind: "files" },
};

/** The command and all its subcommands, without hidden ones, as in the help. */
export function modelOf(command: Command, path: readonly string[] = []): CommandModel[] {
  const help = command.createHelp();
  const subcommands = help.visibleCommands(command).filter((sub) => sub.name() !== "help");
  const model: CommandModel = {
    path,
    subcommands: subcommands.map((sub) => ({ name: sub.name(), summary: sub.summary() })),
    options: help.visibleOptions(command).map(optionModel),
    arguments: wordsOfArguments(command.registeredArguments),
  };
  return [model, ...subcommands.flatMap((sub) => modelOf(sub, [...path, sub.name()]))];
}

function optionModel(option: Option): OptionModel {
  return {
    short: option.short,
    long: option.long ?? option.flags,
    description: option.description,
    value: takesValue(option) ? wordsOfOption(option) : undefined,
  };
}

function takesValue(option: Option): boolean {
  return option.required || option.optional;
}

function wordsOfOption(option: Option): Words {
  if (option.argChoices !== undefined) return { kind: "fixed", words: option.argChoices };
  const name = /<([a-z]+)>/.exec(option.flags)?.[1] ?? "";
  // `run --name` takes a new name.
  return name === "name" ? { kind: "free" } : (wordsByName[name] ?? { kind: "free" });
}

function wordsOfArguments([first]: readonly Argument[]): Words {
  if (first === undefined) return { kind: "free" };
  if (first.argChoices !== undefined) return { kind: "fixed", words: first.argChoices };
  return wordsByName[first.name()] ?? { kind: "free" };
}
