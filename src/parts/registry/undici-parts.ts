/**
 * The parts of undici that requests to registries need, loaded with the first of them. The package as a whole
 * (fetch, WebSocket, mocks, caches) costs each thread twice the time and several MiB more.
 */
export async function loadAgent() {
  return (await import("undici/lib/dispatcher/agent.js")).default;
}

/** It calls what only the package as a whole gives its dispatchers. */
export async function loadProxyAgent() {
  return (await import("undici")).ProxyAgent;
}

export async function loadRequest() {
  return (await import("undici/lib/api/api-request.js")).default;
}
