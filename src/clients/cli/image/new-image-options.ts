import type { Command } from "commander";
import { berthV1 } from "../../../ground/protocol/index.ts";
import { collect } from "../options.ts";

export type NewImageOptions = {
  readonly author?: string;
  readonly change?: readonly string[];
  readonly message?: string;
};

/** The options with which `commit` and `import` describe the image that they create. */
export function addNewImageOptions(command: Command): Command {
  return command
    .option("-a, --author <author>", "who made it, for example 'Ada <ada@example.com>'")
    .option(
      "-c, --change <instruction>",
      "change its configuration, as in a Dockerfile (may be repeated)",
      collect,
    )
    .option("-m, --message <text>", "a comment for its history");
}

export const changesHelp = `
Changes:
  CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME, WORKDIR
`;

/** The request part of berth.v1; without a name, the image is known by its id. */
export function newImage(
  name: string | undefined,
  { author, change, message }: NewImageOptions,
): berthV1.NewImage {
  return berthV1.NewImage.fromPartial({
    name: name ?? "",
    changes: [...(change ?? [])],
    author: author ?? "",
    message: message ?? "",
  });
}
