import type { HttpResponse } from "./transport.ts";

const maxErrorBytes = 8 * 1024;
const maxQuotedLength = 400;

/**
 * A server's explanation of a failure, on one line: the messages of the distribution-spec's error body, or
 * the start of any other text; "" if it is not text, such as a layer. Control characters are removed, since
 * the result is written to terminals and logs.
 */
export async function quoteErrorBody(response: HttpResponse): Promise<string> {
  const text = await readStart(response);
  if (isBinary(text)) return "";
  const message = errorMessages(text) ?? text;
  const line = message.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ").trim();
  return line.length > maxQuotedLength ? `${line.slice(0, maxQuotedLength)}...` : line;
}

/**
 * Text in another encoding than UTF-8 has some invalid characters; with more than a fifth, it counts as
 * binary.
 */
function isBinary(text: string): boolean {
  const unreadable = text.match(/[\p{Cc}\ufffd]/gu)?.length ?? 0;
  return unreadable * 5 > text.length;
}

async function readStart(response: HttpResponse): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= maxErrorBytes) break;
    }
  } catch {
    // The response broke off; the status is still the failure to report.
  }
  return Buffer.concat(chunks).subarray(0, maxErrorBytes).toString("utf8");
}

function errorMessages(text: string): string | undefined {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body !== "object" || body === null || !("errors" in body) || !Array.isArray(body.errors))
      return undefined;
    const messages = (body.errors as readonly unknown[]).map((error) => {
      const { code, message } = (error ?? {}) as Readonly<Record<string, unknown>>;
      return [code, message].filter((part) => typeof part === "string" && part !== "").join(": ");
    });
    return messages.length === 0 ? undefined : messages.join("; ");
  } catch {
    return undefined;
  }
}
