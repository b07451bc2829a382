import { STATUS_CODES } from "node:http";
import { quoteUrl } from "./endpoint.ts";

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Told of each request and each answer, as HTTP/1.1 writes them, without bodies. */
export type RequestLog = (text: string) => void;

/** What a request says before its body; no secrets. */
export function requestText(method: string, url: URL, headers: Headers): string {
  return [`${method} ${quoteUrl(url)} HTTP/1.1`, ...headerLines(headers), "", ""].join("\n");
}

/** What an answer says before its body; no secrets. */
export function answerText(status: number, headers: Headers): string {
  return [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`, ...headerLines(headers), "", ""].join("\n");
}

function headerLines(headers: Headers): readonly string[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    [value ?? []].flat().map((each) => `${name}: ${shown(name, each)}`),
  );
}

const secret: ReadonlySet<string> = new Set(["authorization", "proxy-authorization", "cookie", "set-cookie"]);

function shown(name: string, value: string): string {
  if (secret.has(name)) return `${/^(Basic|Bearer) /i.exec(value)?.[1] ?? ""} (not shown)`.trim();
  // The place of an upload, or of bytes that a registry keeps elsewhere, may be signed.
  return name === "location" && URL.canParse(value) ? quoteUrl(new URL(value)) : value;
}
