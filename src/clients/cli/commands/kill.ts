import type { Command } from "commander";
import type { Invocation } from "../invocation.ts";
import {
  addConnectionOptions,
  addTypeOption,
  type ConnectionOptions,
  optionsOf,
  type TypeOption,
} from "../options.ts";
import { stop } from "./stop.ts";

type Options = ConnectionOptions & TypeOption<"pod" | "container">;

const description = `Kills pods or containers at once, like \`berth stop -t 0\`. Only SIGKILL can be sent.`;

export function define(command: Command, invocation: Invocation): void {
  command.description(description).argument("<name...>", "ids or names of pods or containers");
  addTypeOption(command, ["pod", "container"]);
  addConnectionOptions(command).action((names: string[]) =>
    stop(names, { ...optionsOf<Options>(command), time: "0" }, invocation),
  );
}
