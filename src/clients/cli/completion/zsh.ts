import { bashScript } from "./bash.ts";
import type { CommandModel } from "./model.ts";

/** The completion script for zsh: that of bash, with zsh's own adapter for such scripts. */
export function zshScript(commands: readonly CommandModel[]): string {
  return `#compdef berth
# zsh completion for berth; load it with: source <(berth completion zsh)
autoload -U +X compinit && (( \${+functions[compdef]} )) || compinit
autoload -U +X bashcompinit && bashcompinit
${bashScript(commands).replace(/^#.*\n/, "")}`;
}
