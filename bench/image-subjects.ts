import { spawn } from "node:child_process";
import { once } from "node:events";
import { PullImageRequest, RemoveImageRequest } from "../src/ground/protocol/index.ts";
import { TestBerth } from "../test/support/berth.ts";
import { clientProgram } from "../test/support/client-programs.ts";
import type { CriClients } from "../test/support/clients.ts";
import { startContainerd } from "./containerd.ts";

export const subjectNames = ["berth", "containerd"] as const;
export type SubjectName = (typeof subjectNames)[number];

/** A daemon that has just been started and has no images. */
export type ImageSubject = AsyncDisposable & {
  readonly name: SubjectName;
  readonly pid: number;
  pull(image: string): Promise<void>;
  remove(image: string): Promise<void>;
  /** Pushes an existing image, with its own command line. */
  push(image: string, destination: string): Promise<void>;
};

/** containerd is the one of `scripts/clients-programs.sh`, with its default configuration, like berth. */
export async function startSubject(name: SubjectName): Promise<ImageSubject> {
  if (name === "berth") {
    const berth = await TestBerth.start({ network: undefined, logLevel: "info" });
    const main = new URL("../dist/berth.cjs", import.meta.url).pathname;
    return {
      name,
      pid: berth.pid,
      ...calls(berth.clients),
      push: (image, destination) =>
        run(process.execPath, [main, "push", "--quiet", image, destination], { BERTH_ADDRESS: berth.socket }),
      [Symbol.asyncDispose]: () => berth[Symbol.asyncDispose](),
    };
  }
  const peer = await startContainerd("127.0.0.1/none:none", { programs: clientProgram("") });
  const ctr = (...args: readonly string[]) =>
    run(clientProgram("ctr"), ["--address", peer.socket, "--namespace", "k8s.io", "images", ...args], {});
  return {
    name,
    pid: peer.pid,
    ...calls(peer.clients),
    push: (image, destination) => ctr("push", "--plain-http", destination, image),
    [Symbol.asyncDispose]: () => peer[Symbol.asyncDispose](),
  };
}

function calls({ images }: CriClients) {
  const spec = (image: string) => ({ image: { image } });
  return {
    pull: async (image: string) => void (await images.pullImage(PullImageRequest.fromPartial(spec(image)))),
    remove: async (image: string) =>
      void (await images.removeImage(RemoveImageRequest.fromPartial(spec(image)))),
  };
}

async function run(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const child = spawn(program, args, {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, ...env },
  });
  const [status] = await once(child, "exit");
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: status ${status}`);
}
