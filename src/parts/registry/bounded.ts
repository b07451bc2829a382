import { asRegistryError, RegistryError } from "./errors.ts";
import { discard, type HttpResponse } from "./transport.ts";

/**
 * Reads the whole body of a response. Throws ResourceExhausted as soon as it is known to be larger than
 * `maxBytes`.
 */
export async function readBounded(
  response: HttpResponse,
  maxBytes: number,
  what: string,
): Promise<Uint8Array> {
  const tooLarge = (): RegistryError =>
    new RegistryError("ResourceExhausted", `${response.url.host}: ${what} is larger than ${maxBytes} bytes`);
  const announced = Number(response.headers["content-length"] ?? 0);
  if (announced > maxBytes) {
    discard(response);
    throw tooLarge();
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      length += chunk.length;
      if (length > maxBytes) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (error) {
    throw asRegistryError(error, response.url.host);
  }
  return Buffer.concat(chunks);
}
