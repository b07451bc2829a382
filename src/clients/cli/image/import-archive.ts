import { resolve } from "node:path";
import type { Readable } from "node:stream";
import { berthV1 } from "../../../ground/protocol/index.ts";
import { type Client, CriClientError } from "../../criclient/index.ts";
import { needsBerthd } from "../commands/needs-berthd.ts";
import { CliError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { openArchive } from "../local-file.ts";

/** The prefix of berthd's messages about bytes that are sent to it. */
const sentName = "the archive: ";

export type ArchiveSource = {
  readonly archive: string;
  readonly send: boolean;
  readonly allPlatforms: boolean;
  readonly command: string;
};

/**
 * Makes berthd import an archive: a path that it reads itself or, with `send` and from stdin ("-"), bytes.
 * `command` is for error messages.
 */
export async function importArchive(
  client: Client,
  { archive, send, allPlatforms, command }: ArchiveSource,
  { io }: Invocation,
): Promise<berthV1.ImportImageResponse> {
  const sent = await requests({ archive, send, allPlatforms }, io.stdin);
  try {
    return await client.clientStream(berthV1.BerthService.importImage, sent);
  } catch (error) {
    const failure = needsBerthd(command, error);
    throw archive === "-" || send ? archiveError(archive, failure) : failure;
  }
}

/** Replaces berthd's name for the sent bytes, since berthd cannot know where they come from. */
export function archiveError(archive: string, failure: unknown): unknown {
  if (!(failure instanceof CriClientError)) return failure;
  const from = archive === "-" ? "standard input" : archive;
  const { message } = failure;
  const said = message.startsWith(sentName) ? message.slice(sentName.length) : message;
  return new CriClientError(failure.code, `${from}: ${said}`, { cause: failure });
}

async function requests(
  { archive, send, allPlatforms }: Omit<ArchiveSource, "command">,
  stdin: Readable,
): Promise<AsyncIterable<berthV1.ImportImageRequest> | berthV1.ImportImageRequest[]> {
  if (archive === "-") return chunks(stdin, "standard input", allPlatforms);
  if (send) return chunks(await openArchive(archive), archive, allPlatforms);
  return [berthV1.ImportImageRequest.fromPartial({ path: resolve(archive), allPlatforms })];
}

async function* chunks(
  source: Readable,
  called: string,
  allPlatforms: boolean,
): AsyncGenerator<berthV1.ImportImageRequest> {
  let isEmpty = true;
  for await (const chunk of source) {
    if (chunk.length === 0) continue;
    isEmpty = false;
    yield { chunk: Buffer.from(chunk), path: undefined, allPlatforms };
  }
  if (isEmpty) throw new CliError("InvalidArgument", `${called}: it is empty, not an archive`);
}
