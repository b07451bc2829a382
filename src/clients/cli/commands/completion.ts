import type { Command } from "commander";
import { bashScript } from "../completion/bash.ts";
import { fishScript } from "../completion/fish.ts";
import { type CommandModel, modelOf } from "../completion/model.ts";
import { zshScript } from "../completion/zsh.ts";
import type { Invocation } from "../invocation.ts";
import { write } from "../output/write.ts";

const scripts: Readonly<Record<string, (commands: readonly CommandModel[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

const description = `Prints a completion script for a shell: it completes commands, options, and the names of pods,
containers and images.`;

const examples = `
Examples:
  source <(berth completion bash)
  berth completion zsh > "\${fpath[1]}/_berth"
  berth completion fish > ~/.config/fish/completions/berth.fish
`;

export function define(command: Command, invocation: Invocation, wholeProgram: () => Promise<Command>): void {
  command
    .description(description)
    .addArgument(command.createArgument("<shell>", "the shell").choices(Object.keys(scripts)))
    .addHelpText("after", examples)
    .action(async (shell: string) => {
      const commands = modelOf(await wholeProgram());
      await write(invocation.io.stdout, scripts[shell]?.(commands) ?? "");
    });
}
