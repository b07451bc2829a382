import type { CommandModel, OptionModel, Words } from "./model.ts";

/**
 * The completion script for bash (3.2 and later, without bash-completion). Zsh runs it, too: it would take
 * `:COMP_CWORD` in the slice for a modifier without `$(( ))`.
 */
export function bashScript(commands: readonly CommandModel[]): string {
  return `# bash completion for berth; load it with: source <(berth completion bash)
_berth() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" path="" word
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:$((COMP_CWORD-1))}"; do
    case "$path/$word" in
${subcommandCases(commands)}
    esac
  done
  case "$path $prev" in
${commands.flatMap(optionCases).join("\n")}
  esac
  case "$path" in
${commands.map(argumentCase).join("\n")}
  esac
}
complete -o default -F _berth berth
`;
}

function subcommandCases(commands: readonly CommandModel[]): string {
  return commands
    .filter(({ path }) => path.length > 0)
    .map(({ path }) => `      ${quote(`/${path.join("/")}`)}) path=${quote(`/${path.join("/")}`)} ;;`)
    .join("\n");
}

function optionCases({ path, options }: CommandModel): string[] {
  return options.flatMap(({ short, long, value }) => {
    if (value === undefined) return [];
    const patterns = flagsOf({ short, long }).map((flag) => quote(`${pathText(path)} ${flag}`));
    return [`    ${patterns.join("|")}) ${reply(value)} return ;;`];
  });
}

function argumentCase({ path, options, subcommands, arguments: words }: CommandModel): string {
  const flags = reply({ kind: "fixed", words: options.flatMap(flagsOf) });
  const others =
    subcommands.length > 0
      ? reply({ kind: "fixed", words: subcommands.map(({ name }) => name) })
      : reply(words);
  return `    ${quote(pathText(path))}) if [[ "$cur" == -* ]]; then ${flags} else ${others} fi ;;`;
}

function reply(words: Words): string {
  switch (words.kind) {
    case "fixed":
      return `COMPREPLY=($(compgen -W ${quote(words.words.join(" "))} -- "$cur"));`;
    case "names":
      return `COMPREPLY=($(compgen -W "$(berth __complete ${words.of} 2>/dev/null)" -- "$cur"));`;
    case "files":
      return 'COMPREPLY=($(compgen -f -- "$cur"));';
    case "free":
      return ":;";
  }
}

function flagsOf({ short, long }: Pick<OptionModel, "short" | "long">): string[] {
  return short === undefined ? [long] : [short, long];
}

function pathText(path: readonly string[]): string {
  return path.map((name) => `/${name}`).join("");
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
