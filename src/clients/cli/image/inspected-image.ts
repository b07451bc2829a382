import { isRecord } from "../../../ground/json/index.ts";
import { berthV1 } from "../../../ground/protocol/index.ts";
import type { Client } from "../../criclient/index.ts";
import { needsBerthd } from "../commands/needs-berthd.ts";
import { CliError } from "../errors.ts";

type Json = Readonly<Record<string, unknown>>;

/** An image as berthd reports it, with its parsed configuration. */
export type InspectedImage = { readonly answer: berthV1.InspectImageResponse; readonly config: Json };

/** Inspects an image. Throws CliError; `command` is for its message. */
export async function inspectImage(
  client: Client,
  { image, platform = "" }: { readonly image: string; readonly platform?: string | undefined },
  command: string,
): Promise<InspectedImage> {
  const answer = await client
    .unary(berthV1.BerthService.inspectImage, { image, platform })
    .catch((error: unknown) => {
      throw needsBerthd(command, error);
    });
  return { answer, config: parseConfig(answer) };
}

function parseConfig({ configDocument, id }: berthV1.InspectImageResponse): Json {
  const fail = (cause?: unknown): never => {
    throw new CliError("DataLoss", `image ${id}: its configuration is not JSON`, { cause });
  };
  try {
    const config: unknown = JSON.parse(configDocument.toString("utf8"));
    return isRecord(config) ? config : fail();
  } catch (error) {
    return fail(error);
  }
}
