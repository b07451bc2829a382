import { readBigints } from "../../../ground/json/index.ts";

/**
 * Parses the `info` of a verbose response, where runtimes put what the protocol lacks: values that are JSON
 * are parsed, as crictl does, and integers beyond a double's precision become bigints.
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
