import { STATUS_CODES } from "node:http";
import { quoteUrl } from "./endpoint.ts";

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Called with each request and each response, as text in the form of HTTP/1.1, without bodies. */
export type RequestLog = (text: string) => void;

/** A request's head, without secrets. */
export function requestText(method: string, url: URL, headers: Headers): string {
  return [`${method} ${quoteUrl(url)} HTTP/1.1`, ...headerLines(headers), "", ""].join("\n");
}

/** A response's head, without secrets. */
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
  // The location of an upload, or of content on another host, may contain a signature.
  return name === "location" && URL.canParse(value) ? quoteUrl(new URL(value)) : value;
}
