import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import type { Readable } from "node:stream";
import { berthV1 } from "../../../ground/protocol/index.ts";
import type { Client } from "../../criclient/index.ts";
import { needsBerthd } from "../commands/needs-berthd.ts";
import type { Invocation } from "../invocation.ts";

/**
 * Has berthd import an archive: a path that it reads itself or, with `send` and from stdin ("-"), bytes.
 * `command` is for the words of errors.
 */
export async function importArchive(
  client: Client,
  { archive, send, command }: { readonly archive: string; readonly send: boolean; readonly command: string },
  { io }: Invocation,
): Promise<berthV1.ImportImageResponse> {
  try {
    return await client.clientStream(berthV1.BerthService.importImage, requests(archive, send, io.stdin));
  } catch (error) {
    throw needsBerthd(command, error);
  }
}

function requests(
  archive: string,
  send: boolean,
  stdin: Readable,
): AsyncIterable<berthV1.ImportImageRequest> | berthV1.ImportImageRequest[] {
  if (archive === "-") return chunks(stdin);
  if (send) return chunks(createReadStream(archive, { highWaterMark: 1024 * 1024 }));
  return [berthV1.ImportImageRequest.fromPartial({ path: resolve(archive) })];
}

async function* chunks(source: Readable): AsyncGenerator<berthV1.ImportImageRequest> {
  for await (const chunk of source) yield { chunk: Buffer.from(chunk), path: undefined };
}
