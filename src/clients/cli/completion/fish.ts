import type { CommandModel, OptionModel, Words } from "./model.ts";

/** The completion script for fish. */
export function fishScript(commands: readonly CommandModel[]): string {
  return `# fish completion for berth; load it with: berth completion fish | source
function __berth_path
    set -l path ""
    for word in (commandline -opc)[2..-1]
        switch "$path/$word"
            case ${commands.flatMap(({ path }) => (path.length === 0 ? [] : [quote(pathText(path))])).join(" ")}
                set path "$path/$word"
        end
    end
    echo "$path"
end
function __berth_at
    test (__berth_path) = "$argv[1]"
end
complete -c berth -f
${commands.flatMap(linesOf).join("\n")}
`;
}

function linesOf({ path, subcommands, options, arguments: words }: CommandModel): string[] {
  const at = `complete -c berth -n ${quote(`__berth_at "${pathText(path)}"`)}`;
  return [
    ...subcommands.map(({ name, summary }) => `${at} -a ${name} -d ${quote(summary)}`),
    ...options.map(
      (option) => `${at} ${flagsOf(option)}${valueFlags(option)} -d ${quote(option.description)}`,
    ),
    ...(subcommands.length > 0 || words.kind === "free" ? [] : [`${at} ${candidates(words)}`]),
  ];
}

function flagsOf({ short, long }: OptionModel): string {
  const parts = [...(short === undefined ? [] : [`-s ${short.slice(1)}`]), `-l ${long.replace(/^--/, "")}`];
  return parts.join(" ");
}

function valueFlags({ value }: OptionModel): string {
  if (value === undefined) return "";
  if (value.kind === "free") return " -x";
  return value.kind === "files" ? " -r -F" : ` -x ${candidates(value)}`;
}

function candidates(words: Words): string {
  switch (words.kind) {
    case "fixed":
      return `-a ${quote(words.words.join(" "))}`;
    case "names":
      return `-a ${quote(`(berth __complete ${words.of} 2>/dev/null)`)}`;
    default:
      return "-F";
  }
}

function pathText(path: readonly string[]): string {
  return path.map((name) => `/${name}`).join("");
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
