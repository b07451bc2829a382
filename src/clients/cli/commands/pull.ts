import type { Command } from "commander";
import type { Credentials } from "../../../parts/registry/index.ts";
import type { Client } from "../../criclient/index.ts";
import { connect } from "../client/connect.ts";
import type { Invocation } from "../invocation.ts";
import { addConnectionOptions, type ConnectionOptions, optionsOf } from "../options.ts";
import { write } from "../output/write.ts";
import { readCredentials } from "../pull/credentials.ts";
import { pullImage } from "../pull/pull-image.ts";
import { createReporter } from "../pull/reporter.ts";

type Options = ConnectionOptions & { readonly creds?: string; readonly quiet?: boolean };

const description = `Pulls an image from its registry and prints its id. Progress is shown on stderr: as bars on a
terminal, otherwise as lines. Runtimes other than berthd report no progress.`;

const examples = `
Examples:
  berth pull busybox
  berth pull registry.example/team/app@sha256:0f1e...
  berth pull --creds robot registry.example/team/app < /run/secrets/password
`;

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .argument("<reference>", "name of the image, with a tag or a digest")
    .option(
      "--creds <user[:password]>",
      "credentials for the registry; the password is read from stdin if omitted",
    )
    .option("-q, --quiet", "show no progress");
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action((reference: string) => pull(reference, optionsOf<Options>(command), invocation));
}

async function pull(reference: string, options: Options, invocation: Invocation): Promise<void> {
  const credentials = await readCredentials(options.creds, reference, invocation.io);
  using client = await connect(options, invocation);
  const imageId = await pullReporting(client, reference, options, invocation, credentials);
  await write(invocation.io.stdout, `${imageId}\n`);
}

async function pullReporting(
  client: Client,
  reference: string,
  { quiet = false }: Options,
  { io }: Invocation,
  credentials: Credentials | undefined,
): Promise<string> {
  using reporter = createReporter(io, { quiet });
  return await pullImage(client, reference, reporter, credentials);
}
