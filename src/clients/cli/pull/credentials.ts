import { text } from "node:stream/consumers";
import { usageError } from "../errors.ts";
import type { Io } from "../invocation.ts";
import type { BasicCredentials } from "./pull-image.ts";

/** `USER:PASSWORD`; for `USER` alone the password is read from standard input, where other users of the machine cannot see it. */
export async function readCredentials(
  creds: string | undefined,
  { stdin }: Io,
): Promise<BasicCredentials | undefined> {
  if (creds === undefined) return undefined;
  const colon = creds.indexOf(":");
  const username = colon === -1 ? creds : creds.slice(0, colon);
  if (username === "") throw usageError("--creds must be USER or USER:PASSWORD");
  const password = colon === -1 ? (await text(stdin)).replace(/\r?\n$/, "") : creds.slice(colon + 1);
  return { username, password };
}
