import {
  type CallOptions,
  type Client,
  type ClientUnaryCall,
  credentials,
  type Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import { ImageServiceClient, RuntimeServiceClient } from "../../src/ground/protocol/index.ts";

type Unary<Q, R> = (
  request: Q,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: R) => void,
) => ClientUnaryCall;

/** The unary methods of a generated client, as functions that return promises. */
export type Promised<C> = {
  readonly [K in keyof C as C[K] extends Unary<infer _Q, infer _R> ? K : never]: C[K] extends Unary<
    infer Q,
    infer R
  >
    ? (request: Q, options?: Partial<CallOptions>) => Promise<R>
    : never;
};

export type CriClients = {
  readonly runtime: Promised<RuntimeServiceClient>;
  readonly images: Promised<ImageServiceClient>;
  /** For streams. */
  readonly rawRuntime: RuntimeServiceClient;
  readonly rawImages: ImageServiceClient;
  close(): void;
};

/** Clients of the CRI endpoint at a unix socket; resolves when it answers. */
export async function connectCri(socket: string, timeoutMs: number): Promise<CriClients> {
  const options = {
    "grpc.max_receive_message_length": 64 * 2 ** 20,
    "grpc.initial_reconnect_backoff_ms": 20,
    "grpc.max_reconnect_backoff_ms": 100,
  };
  const rawRuntime = new RuntimeServiceClient(`unix:${socket}`, credentials.createInsecure(), options);
  const rawImages = new ImageServiceClient(`unix:${socket}`, credentials.createInsecure(), options);
  const close = () => {
    rawRuntime.close();
    rawImages.close();
  };
  try {
    await Promise.all([ready(rawRuntime, timeoutMs), ready(rawImages, timeoutMs)]);
  } catch (error) {
    close();
    throw error;
  }
  return { runtime: promised(rawRuntime), images: promised(rawImages), rawRuntime, rawImages, close };
}

function ready(client: Client, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    client.waitForReady(Date.now() + timeoutMs, (error) => (error === undefined ? resolve() : reject(error)));
  });
}

function promised<C extends Client>(client: C): Promised<C> {
  return new Proxy(client, {
    get:
      (target, name) =>
      (request: unknown, options: Partial<CallOptions> = {}) =>
        new Promise((resolve, reject) => {
          const method = Reflect.get(target, name) as (this: C, ...args: unknown[]) => unknown;
          method.call(target, request, options, (error: ServiceError | null, response: unknown) =>
            error === null ? resolve(response) : reject(error),
          );
        }),
  }) as unknown as Promised<C>;
}
