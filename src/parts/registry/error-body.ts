import type { HttpResponse } from "./transport.ts";

const maxErrorBytes = 8 * 1024;
const maxQuotedLength = 400;

/**
 * What a server says of its failure, on one line: the messages of the distribution-spec's error body, or the
 * start of whatever came; "" for what is no text, such as a layer in an answer that was refused. Control
 * characters are taken out, since it goes to terminals and logs.
 */
export async function quoteErrorBody(response: HttpResponse): Promise<string> {
  const text = await readStart(response);
  if (isBinary(text)) return "";
  const message = errorMessages(text) ?? text;
  const line = message.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ").trim();
  return line.length > maxQuotedLength ? `${line.slice(0, maxQuotedLength)}...` : line;
}

/** Text in another encoding than UTF-8 has some characters that cannot be read; a fifth is too many. */
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
    // The status is the failure to report; its explanation broke off.
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
