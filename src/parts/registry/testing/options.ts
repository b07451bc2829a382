import { parseReference, type Reference } from "../../oci/index.ts";
import type { RegistryOptions } from "../registry.ts";

/** Options for tests: no configuration from the machine, and no long waits. */
export function testOptions(options: Partial<RegistryOptions> = {}): RegistryOptions {
  return {
    certsDirs: [],
    dockerConfigFiles: [],
    progressTimeoutMs: 10_000,
    userAgent: "berth-test",
    credentials: undefined,
    retry: { tries: 3, baseDelayMs: 1, maxDelayMs: 20 },
    ...options,
  };
}

export function referenceTo(server: { readonly host: string }, name: string): Reference {
  return parseReference(`${server.host}/${name}`);
}

/** Reads a blob as a puller does: bytes before a restart are discarded. */
export async function collect(
  chunks: AsyncIterable<Uint8Array | "restart">,
): Promise<{ readonly bytes: Buffer; readonly restarts: number }> {
  let parts: Uint8Array[] = [];
  let restarts = 0;
  for await (const chunk of chunks) {
    if (chunk === "restart") {
      parts = [];
      restarts++;
    } else {
      parts.push(Buffer.from(chunk));
    }
  }
  return { bytes: Buffer.concat(parts), restarts };
}
