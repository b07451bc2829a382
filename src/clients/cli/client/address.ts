import { resolve } from "node:path";
import { usageError } from "../errors.ts";

/** Where berthd listens unless its configuration says otherwise. */
export const defaultAddress = "/run/berth/berth.sock";

/** The socket's path from `unix:///run/x.sock`, `unix:/run/x.sock` or a path. Throws CliError for another scheme. */
export function socketPath(address: string): string {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(address)?.[1];
  if (scheme !== undefined && scheme !== "unix") {
    throw usageError(
      `--address ${JSON.stringify(address)}: only unix sockets are supported: give a path, or a URL such as unix:///run/berth/berth.sock`,
    );
  }
  const path = address.replace(/^unix:(\/\/)?/, "");
  if (path === "") throw usageError("--address is empty: give the path of a unix socket");
  return resolve(path);
}
