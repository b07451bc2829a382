import { readBigints } from "../../../ground/json/index.ts";

/**
 * What a runtime tells beyond the protocol in the `info` of a verbose answer: each value parsed where it is
 * JSON, as crictl shows it, and whole numbers that a double does not hold as bigints.
 */
export function parseInfo(info: Readonly<Record<string, string>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(info).map(([key, value]) => [key, parseIfJson(value)]));
}

function parseIfJson(text: string): unknown {
  try {
    return JSON.parse(text, readBigints);
  } catch {
    return text;
  }
}
