import type { Command } from "commander";
import type { Client } from "../../criclient/index.ts";
import { connect } from "../client/connect.ts";
import { usageError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { addConnectionOptions, type ConnectionOptions, optionsOf } from "../options.ts";
import { write } from "../output/write.ts";
import { addCredsOption, readCredentials } from "../pull/credentials.ts";
import { pullImage, type WantedImage } from "../pull/pull-image.ts";
import { createReporter } from "../pull/reporter.ts";

type Options = ConnectionOptions & {
  readonly allPlatforms?: boolean;
  readonly creds?: string;
  readonly platform?: string;
  readonly quiet?: boolean;
};

const description = `Pulls an image or an artifact from its registry and prints its id. Progress is shown on stderr: as bars on a
terminal, otherwise as lines. Runtimes other than berthd report no progress. Images for other platforms, and artifacts, can be
pushed, saved and tagged, but not run.`;

const examples = `
Examples:
  berth pull busybox
  berth pull registry.example/team/app@sha256:0f1e...
  berth pull --platform linux/arm64 busybox
  berth pull --creds robot registry.example/team/app < /run/secrets/password
`;

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .argument("<reference>", "name of the image, with a tag or a digest")
    .option("--all-platforms", "pull a multi-platform image for all its platforms")
    .option("--platform <platform>", "pull the image for this platform, for example linux/arm64")
    .option("-q, --quiet", "show no progress");
  addConnectionOptions(addCredsOption(command))
    .addHelpText("after", examples)
    .action((reference: string) => pull(reference, optionsOf<Options>(command), invocation));
}

async function pull(reference: string, options: Options, invocation: Invocation): Promise<void> {
  const { allPlatforms = false, platform = "" } = options;
  if (allPlatforms && platform !== "") throw usageError("--all-platforms and --platform cannot be combined");
  const credentials = await readCredentials(options.creds, reference, invocation);
  using client = await connect(options, invocation);
  const wanted = { reference, credentials, platform, allPlatforms };
  const imageId = await pullReporting(client, wanted, options, invocation);
  await write(invocation.io.stdout, `${imageId}\n`);
}

async function pullReporting(
  client: Client,
  wanted: WantedImage,
  { quiet = false }: Options,
  { io }: Invocation,
): Promise<string> {
  using reporter = createReporter(io, { quiet });
  return await pullImage(client, wanted, reporter);
}
