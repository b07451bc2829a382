import { usageError } from "../errors.ts";

export type ForwardedPort = {
  /** 0 for any free port. */
  readonly local: number;
  readonly remote: number;
};

/** Parses `PORT`, `LOCAL:REMOTE`, or `:REMOTE` for a free local port. Throws CliError. */
export function parseForwardedPort(text: string): ForwardedPort {
  const match = /^(?:(\d*):)?(\d+)$/.exec(text);
  const remote = Number(match?.[2]);
  const local = match?.[1] === undefined ? remote : Number(match[1]);
  if (match === null || remote < 1 || remote > 65_535 || local > 65_535)
    throw usageError(`${JSON.stringify(text)} is not [LOCAL:]REMOTE with ports from 1 to 65535`);
  return { local, remote };
}
