import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { join } from "node:path";
import { pipeline } from "node:stream";
import { createServer as createTlsServer } from "node:tls";
import { startRegistry, type TestRegistry } from "../../src/testing/registry.ts";
import { tempDir } from "../../src/testing/temp-dir.ts";
import { selfSigned } from "./self-signed.ts";

/** A registry that programs reach by public names, and the environment for that. */
export type PublicRegistries = AsyncDisposable & {
  readonly registry: TestRegistry;
  readonly env: Readonly<Record<string, string>>;
};

/**
 * For programs that fetch images themselves, from hosts that cannot be reached here: a proxy connects all of
 * them to one private registry, with a certificate for these names.
 */
export async function publicRegistries(names: readonly string[]): Promise<PublicRegistries> {
  await using opened = new AsyncDisposableStack();
  const directory = opened.use(await tempDir()).path;
  const registry = opened.use(await startRegistry());
  const { cert, key, certFile } = await selfSigned(join(directory, "public"), names);
  const [host = "", port = ""] = registry.host.split(":");
  const tls = createTlsServer({ cert, key }, (socket) => joined(socket, connect(Number(port), host)));
  const proxy = createHttpServer().on("connect", (_request, socket: Socket) => {
    socket.write("HTTP/1.1 200 OK\r\n\r\n");
    joined(socket, connect((tls.address() as AddressInfo).port, "127.0.0.1"));
  });
  for (const server of [tls, proxy]) {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    opened.defer(() => void server.close());
  }
  const made = opened.move();
  return {
    registry,
    env: {
      HTTPS_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
      SSL_CERT_FILE: certFile,
    },
    [Symbol.asyncDispose]: () => made.disposeAsync(),
  };
}

/** When one ends, so does the other. */
function joined(one: Socket, other: Socket): void {
  const ended = () => {
    one.destroy();
    other.destroy();
  };
  pipeline(one, other, ended);
  pipeline(other, one, ended);
}
