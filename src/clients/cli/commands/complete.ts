import type { Command } from "commander";
import {
  ImageServiceService,
  ListImagesRequest,
  ListSecurityProfilesRequest,
  type PodSandbox,
} from "../../../ground/protocol/index.ts";
import { type Client, listContainers, listPods, type PodContainer } from "../../criclient/index.ts";
import { connect } from "../client/connect.ts";
import { type NameKind, nameKinds } from "../completion/model.ts";
import type { Invocation } from "../invocation.ts";
import { write } from "../output/write.ts";

/** The user's shell waits for this command. */
const timeout = "2s";

const namesOf: Readonly<Record<NameKind, (client: Client) => Promise<string[]>>> = {
  pods: async (client) => (await listPods(client)).map(podName),
  containers: async (client) => (await listContainers(client)).map(containerName),
  objects: async (client) => [
    ...(await listPods(client)).map(podName),
    ...(await listContainers(client)).map(containerName),
  ],
  images: async (client) => {
    const { images } = await client.unary(ImageServiceService.listImages, ListImagesRequest.fromPartial({}));
    return images.flatMap(({ id, repoTags }) => (repoTags.length > 0 ? repoTags : [id]));
  },
  profiles: async (client) => {
    const request = ListSecurityProfilesRequest.fromPartial({});
    const { profiles } = await client.unary(ImageServiceService.listSecurityProfiles, request);
    return profiles.flatMap(({ refs }) => refs);
  },
};

export function define(command: Command, invocation: Invocation): void {
  command
    .addArgument(command.createArgument("<kind>", "of what").choices(nameKinds))
    .action(async (kind: NameKind) => {
      using client = await connect({ timeout }, invocation);
      const names = new Set(await namesOf[kind](client));
      await write(
        invocation.io.stdout,
        [...names]
          .filter(isOneWord)
          .map((name) => `${name}\n`)
          .join(""),
      );
    });
}

function podName({ metadata }: PodSandbox): string {
  return metadata?.namespace === "default" ? metadata.name : `${metadata?.namespace}/${metadata?.name}`;
}

function containerName({ container, pod }: PodContainer): string {
  const name = container.metadata?.name ?? "";
  return pod === undefined ? name : `${podName(pod)}/${name}`;
}

/** Names come from other users and go into a shell's list of words. */
function isOneWord(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._/:@-]*$/.test(name);
}
