import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { parseReference } from "../oci/index.ts";
import { createRegistry, PlainHosts } from "./index.ts";
import { testOptions } from "./testing/options.ts";

test("TLS is tried once with a registry on this machine that does not support it, not by each pull", async () => {
  let tried = 0;
  const server = createServer((_request, response) => response.writeHead(404).end());
  server.on("clientError", (_error, socket) => {
    tried++;
    socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const reference = parseReference(`127.0.0.1:${(server.address() as AddressInfo).port}/app:1`);
  const hosts = new PlainHosts();
  for (let pulls = 0; pulls < 3; pulls++) {
    await using registry = createRegistry(testOptions(), hosts);
    await assert.rejects(registry.resolve(reference), { code: "NotFound" });
  }
  assert.equal(tried, 1);
  server.close();
  server.closeAllConnections();
});
