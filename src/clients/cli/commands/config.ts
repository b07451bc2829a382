import { existsSync } from "node:fs";
import type { Command } from "commander";
import { defaultConfigFile, loadConfig, renderDefaultConfig } from "../../../ground/config/index.ts";
import type { Invocation } from "../invocation.ts";
import { write } from "../output/write.ts";
import { adviseOnUnknown } from "./advice.ts";

const examples = `
Examples:
  berth config default > /etc/berth/config.toml
  berth config check
  berth config check ./config.toml
`;

export function define(command: Command, { io }: Invocation): void {
  command
    .description("Prints or checks berthd's configuration. Needs no daemon.")
    .addHelpText("after", examples);
  adviseOnUnknown(command, "berth config");
  command
    .command("default")
    .summary("print every key with its default and a description")
    .description("Prints a configuration file that sets every key to its default, each with a comment.")
    .action(() => write(io.stdout, renderDefaultConfig()));
  command
    .command("check")
    .summary("check a configuration file")
    .description("Checks a configuration file and lists every problem.")
    .argument("[file]", `the file (default ${defaultConfigFile})`)
    .action(async (file?: string) => {
      await loadConfig({ file });
      const path = file ?? defaultConfigFile;
      const found = existsSync(path) ? "is valid" : "does not exist: every key has its default";
      await write(io.stdout, `${path} ${found}\n`);
    });
}
