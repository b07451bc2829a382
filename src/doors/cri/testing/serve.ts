import { join } from "node:path";
import {
  type CallOptions,
  type Client,
  credentials,
  type MethodDefinition,
  type ServiceDefinition,
  status,
} from "@grpc/grpc-js";
import { type CallObserver, GrpcServer, type GrpcService } from "../../../ground/grpc/index.ts";
import { createLogger } from "../../../ground/logging/index.ts";
import {
  ImageServiceClient,
  ImageServiceService,
  RuntimeServiceClient,
  RuntimeServiceService,
} from "../../../ground/protocol/index.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import { type CriOptions, criServices } from "../index.ts";
import { MemoryEngine } from "./memory-engine.ts";

type ServeOptions = Partial<CriOptions> & {
  /** Of other doors, on the same socket. */
  readonly services?: readonly GrpcService[];
  readonly observers?: readonly CallObserver[];
};

/** A server on a socket of its own with clients of both services, and what it logs. */
export async function serve({ services = [], observers = [], ...options }: ServeOptions = {}) {
  const dir = await tempDir();
  const socketPath = join(dir.path, "berth.sock");
  const engine = new MemoryEngine();
  const lines: string[] = [];
  const logger = createLogger({
    level: "debug",
    format: "json",
    destination: { write: (line) => void lines.push(line) },
  });
  const server = new GrpcServer({
    services: [...criServices({ engine, ...options }), ...services],
    logger,
    observers,
  });
  await server.listen(socketPath);
  // Kubernetes' clients say localhost; Node refuses a path as :authority.
  const channel = [
    `unix:${socketPath}`,
    credentials.createInsecure(),
    { "grpc.default_authority": "localhost", "grpc.max_receive_message_length": -1 },
  ] as const;
  const runtime = new RuntimeServiceClient(...channel);
  const images = new ImageServiceClient(...channel);
  return {
    engine,
    server,
    socketPath,
    channel,
    client: runtime,
    runtime: asker(RuntimeServiceService, runtime),
    images: asker(ImageServiceService, images),
    /** The lines logged so far. */
    logged: (): readonly Readonly<Record<string, unknown>>[] => lines.map((line) => JSON.parse(line)),
    [Symbol.asyncDispose]: async () => {
      runtime.close();
      images.close();
      await server.close(0);
      await dir[Symbol.asyncDispose]();
    },
  };
}

/** The methods of a service with one answer, as functions that return a promise. */
type Asker<Definition> = {
  readonly [M in keyof Definition]: Definition[M] extends {
    requestSerialize: (value: infer Request) => Buffer;
    responseSerialize: (value: infer Response) => Buffer;
  }
    ? (request: Request, options?: CallOptions) => Promise<Response>
    : never;
};

function asker<Definition extends ServiceDefinition>(
  definition: Definition,
  client: Client,
): Asker<Definition> {
  const ask =
    ({ path, requestSerialize, responseDeserialize }: MethodDefinition<unknown, unknown>) =>
    (request: unknown, options: CallOptions = {}) =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          request,
          options,
          (error, response) => (error === null ? resolve(response) : reject(error)),
        );
      });
  return Object.fromEntries(
    Object.entries(definition).map(([name, method]) => [name, ask(method)]),
  ) as Asker<Definition>;
}

/** For `assert.rejects`: an answer with this status and a message that matches. */
export function refusal(code: keyof typeof status, details: RegExp = /./) {
  return { code: status[code], details };
}
