/**
 * The parts of undici that requests to registries need, loaded with the first request. The whole package
 * (fetch, WebSocket, mocks, caches) takes each thread twice as long, and several MiB more.
 */
export async function loadAgent() {
  return (await import("undici/lib/dispatcher/agent.js")).default;
}

/** It calls methods that only the whole package adds to its dispatchers. */
export async function loadProxyAgent() {
  return (await import("undici")).ProxyAgent;
}

export async function loadRequest() {
  return (await import("undici/lib/api/api-request.js")).default;
}
