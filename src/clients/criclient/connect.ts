import { Client, type ClientOptions } from "./client.ts";
import { explain } from "./explain.ts";

/** Connects to the CRI endpoint at a unix socket's path. Throws UnreachableError, or the signal's reason. */
export async function connectEndpoint(path: string, options: ClientOptions): Promise<Client> {
  const client = new Client(path, options);
  try {
    await client.ready();
    return client;
  } catch (error) {
    client[Symbol.dispose]();
    options.signal.throwIfAborted();
    throw await explain(path, error, options.hints);
  }
}
