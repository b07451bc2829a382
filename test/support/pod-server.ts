import { spawn } from "node:child_process";
import { once } from "node:events";
import type { TestBerth } from "./berth.ts";

const script = `
const server = require("node:net").createServer({ allowHalfOpen: true }, (socket) => {
  socket.on("error", () => socket.destroy());
  socket.pipe(socket);
});
server.listen({ host: "127.0.0.1", port: 0, backlog: 1024 }, () => console.log(server.address().port));
`;

/**
 * A server on the localhost of a container's network that echoes its input: busybox's cannot handle many
 * connections.
 */
export async function echoInPod(
  { clients }: TestBerth,
  containerId: string,
): Promise<AsyncDisposable & { readonly port: number }> {
  const { info } = await clients.runtime.containerStatus({ containerId, verbose: true });
  const { pid } = JSON.parse(info.info ?? "{}");
  const args = [`--target=${pid}`, "--net", process.execPath, "--eval", script];
  const child = spawn("nsenter", args, { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const [line] = await once(child.stdout, "data");
  return {
    port: Number(line),
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await exited;
    },
  };
}
