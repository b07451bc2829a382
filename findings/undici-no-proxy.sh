#!/bin/sh
# undici 7.30.2: EnvHttpProxyAgent reads two of the usual variables differently from Go programs and curl:
# - A network in NO_PROXY (10.0.0.0/8, as Kubernetes' installers write it) is treated as a host name that no host has,
#   so that a request to 10.1.2.3 goes to the proxy.
# - If HTTPS_PROXY is not set, https goes through HTTP_PROXY; Go and curl connect directly.
# Seen: "10.1.2.3 with its network in NO_PROXY: proxied", "https with HTTP_PROXY alone: proxied".
# Needs npm and Node >= 20.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund undici@7.30.2
cat >check.mjs <<'JS'
import { createServer } from "node:http";
import { EnvHttpProxyAgent, request } from "undici";

const seen = [];
const proxy = createServer((incoming, answer) => {
  seen.push(incoming.url);
  answer.end("from the proxy");
});
// Every CONNECT is refused: which requests come is all that matters here.
proxy.on("connect", (incoming, socket) => {
  seen.push(incoming.url);
  socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
});
await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
const httpProxy = `http://127.0.0.1:${proxy.address().port}`;

async function isProxied(url, noProxy) {
  seen.length = 0;
  const dispatcher = new EnvHttpProxyAgent({ httpProxy, noProxy });
  await request(url, { dispatcher, signal: AbortSignal.timeout(3000) }).catch(() => undefined);
  await dispatcher.destroy();
  return seen.length > 0 ? "proxied" : "direct";
}

const lines = [
  `10.1.2.3 with itself in NO_PROXY: ${await isProxied("http://10.1.2.3:9/", "10.1.2.3")}`,
  `10.1.2.3 with its network in NO_PROXY: ${await isProxied("http://10.1.2.3:9/", "10.0.0.0/8")}`,
  `https with HTTP_PROXY alone: ${await isProxied("https://192.0.2.1:9/", "")}`,
];
console.log(lines.join("\n"));
proxy.close();
JS
env -u HTTP_PROXY -u HTTPS_PROXY -u http_proxy -u https_proxy -u NO_PROXY -u no_proxy node check.mjs >seen
cat seen
cat >expected <<'TEXT'
10.1.2.3 with itself in NO_PROXY: direct
10.1.2.3 with its network in NO_PROXY: proxied
https with HTTP_PROXY alone: proxied
TEXT
diff expected seen
