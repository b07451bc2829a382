import type { Command } from "commander";
import { connect } from "../client/connect.ts";
import { eachOf } from "../commands/each-name.ts";
import type { Invocation } from "../invocation.ts";
import { addConnectionOptions, addOutputOption, type ConnectionOptions, optionsOf } from "../options.ts";
import { renderStructured } from "../output/structured.ts";
import { write } from "../output/write.ts";
import { dockerImage } from "./docker-image.ts";
import { inspectImage } from "./inspected-image.ts";

type Options = ConnectionOptions & { readonly output?: "json" | "yaml"; readonly platform?: string };

const description = `Shows images in the form of \`docker image inspect\`: a list with an entry for each. \`berth inspect\` shows an image in
the form of the CRI.`;

const examples = `
Examples:
  berth image inspect busybox
  berth image inspect --platform linux/arm64 busybox
  berth image inspect busybox | jq -r '.[0].Config.Env[]'
`;

export function defineInspect(command: Command, invocation: Invocation): void {
  const inspecting = command
    .command("inspect")
    .summary("show images as docker does")
    .description(description)
    .argument("<image...>", "references or ids")
    .option("--platform <platform>", "show the image for this platform, for example linux/arm64");
  addOutputOption(inspecting, ["json", "yaml"]);
  addConnectionOptions(inspecting)
    .addHelpText("after", examples)
    .action((names: string[]) => inspect(names, optionsOf<Options>(inspecting), invocation));
}

async function inspect(names: readonly string[], options: Options, invocation: Invocation): Promise<void> {
  using client = await connect(options, invocation);
  const { platform } = options;
  const inspectOne = async (image: string) =>
    dockerImage(await inspectImage(client, { image, platform }, "image inspect"));
  const images = await eachOf(names, inspectOne, invocation);
  await write(invocation.io.stdout, await renderStructured(images, options.output ?? "json"));
}
