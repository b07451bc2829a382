import { Authorizer } from "./authorizer.ts";
import { RegistryError } from "./errors.ts";
import { endpointsFor } from "./hosts.ts";
import { refusal } from "./refusal.ts";
import type { RegistryOptions } from "./registry.ts";
import { type HttpResponse, Transport } from "./transport.ts";

/**
 * Checks the credentials in the options with the registry itself, not with a mirror: with a request to the
 * API's base, and a token without scope if it has a token service. Returns `anonymous` if the registry does
 * not authenticate. Throws RegistryError Unauthenticated if it rejects them; for other codes see {@link
 * Registry}.
 */
export async function checkCredentials(
  host: string,
  options: RegistryOptions,
  signal?: AbortSignal,
): Promise<"accepted" | "anonymous"> {
  const endpoints = await endpointsFor(host, options);
  const endpoint = endpoints.find(({ role }) => role === "registry");
  if (endpoint === undefined)
    throw new RegistryError("FailedPrecondition", `${host}: its hosts.toml names mirrors only`);
  await using transport = new Transport(options.progressTimeoutMs, options.userAgent);
  const url = new URL(`${endpoint.base}/`);
  const ask = (authorization?: string): Promise<HttpResponse> =>
    transport.send({
      method: "GET",
      url,
      endpoint,
      headers: { ...endpoint.headers, ...(authorization === undefined ? {} : { authorization }) },
      signal,
    });
  const first = await ask();
  if (first.status !== 401) {
    if (first.status !== 200) throw await refusal(first, endpoint, "pull");
    await first.body.dump();
    return "anonymous";
  }
  await first.body.dump();
  const reference = { host, repository: "", tag: undefined, digest: undefined };
  const authorizer = new Authorizer(transport, options);
  const wanted = { endpoint, reference, scopes: [] };
  const second = await ask(await authorizer.answer(wanted, first, undefined, signal));
  if (second.status === 401 || second.status === 403) {
    await second.body.dump();
    throw new RegistryError("Unauthenticated", `${host}: the user name or the password is wrong`);
  }
  if (second.status !== 200) throw await refusal(second, endpoint, "pull");
  await second.body.dump();
  return "accepted";
}
