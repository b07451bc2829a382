import type { Command } from "commander";
import { berthV1 } from "../../../ground/protocol/index.ts";
import { connect } from "../client/connect.ts";
import { usageError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { addConnectionOptions, type ConnectionOptions, optionsOf } from "../options.ts";
import { write } from "../output/write.ts";
import { addCredsOption, credentialsMessage, readCredentials } from "../pull/credentials.ts";
import { createReporter } from "../pull/reporter.ts";
import { pushImage } from "../push/push-image.ts";
import { needsBerthd } from "./needs-berthd.ts";

type Options = ConnectionOptions & {
  readonly allPlatforms?: boolean;
  readonly creds?: string;
  readonly platform?: string;
  readonly quiet?: boolean;
};

const description = `Pushes an image to a registry and prints its name there with its digest. Without a destination, it is pushed
to the registry and repository in its name. Layers that the registry already has are not sent. Of a multi-platform image, the one for this
machine is pushed, unless --platform or --all-platforms is given. Progress is shown on stderr.`;

const examples = `
Examples:
  berth push registry.example/team/app:1.2
  berth push busybox registry.example/mirror/busybox:latest
  berth push --creds robot registry.example/team/app < /run/secrets/password
`;

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .argument("<image>", "reference or id of the image")
    .argument("[destination]", "name to push the image to, with a tag")
    .option("--all-platforms", "push a multi-platform image for all its platforms")
    .option("--platform <platform>", "push the image for this platform, for example linux/arm64")
    .option("-q, --quiet", "show no progress");
  addConnectionOptions(addCredsOption(command))
    .addHelpText("after", examples)
    .action((image: string, destination?: string) =>
      push(image, destination, optionsOf<Options>(command), invocation),
    );
}

async function push(
  image: string,
  destination: string | undefined,
  options: Options,
  invocation: Invocation,
): Promise<void> {
  const { allPlatforms = false, platform = "", quiet = false } = options;
  if (allPlatforms && platform !== "") throw usageError("--all-platforms and --platform cannot be combined");
  const credentials = await readCredentials(options.creds, destination ?? image, invocation);
  const request = berthV1.PushImageRequest.fromPartial({
    image,
    platform,
    allPlatforms,
    ...(destination === undefined ? {} : { destination }),
    ...(credentials === undefined ? {} : { credentials: credentialsMessage(credentials) }),
  });
  using client = await connect(options, invocation);
  const pushing = async (): Promise<berthV1.PushDone> => {
    using reporter = createReporter(invocation.io, { quiet, noun: "blob" });
    return await pushImage(client, request, reporter);
  };
  const { reference, digest } = await pushing().catch((error: unknown) => {
    throw needsBerthd("push", error);
  });
  await write(invocation.io.stdout, `${reference.replace(/@.*/, "")}@${digest}\n`);
}
