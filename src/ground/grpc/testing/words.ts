import { join } from "node:path";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { tempDir } from "../../../testing/temp-dir.ts";
import { createLogger } from "../../logging/index.ts";
import { defineService, GrpcServer, type GrpcServerOptions, type Handlers } from "../index.ts";

const codec = {
  requestSerialize: (text: string) => Buffer.from(text),
  requestDeserialize: (bytes: Buffer) => bytes.toString(),
  responseSerialize: (text: string) => Buffer.from(text),
  responseDeserialize: (bytes: Buffer) => bytes.toString(),
};

/** A service with a method of each kind, whose messages are text. */
export const WordsService = {
  unary: { path: "/test.Words/Unary", requestStream: false, responseStream: false, ...codec },
  serverStream: { path: "/test.Words/ServerStream", requestStream: false, responseStream: true, ...codec },
  clientStream: { path: "/test.Words/ClientStream", requestStream: true, responseStream: false, ...codec },
  bidi: { path: "/test.Words/Bidi", requestStream: true, responseStream: true, ...codec },
} as const;

export type Kind = keyof typeof WordsService;
export const kinds = Object.keys(WordsService) as readonly Kind[];

type ServeOptions = Pick<GrpcServerOptions, "observers"> & {
  readonly endless?: readonly Kind[];
  readonly oneByOne?: readonly Kind[];
  /** Where to listen, instead of in a new directory. */
  readonly path?: string;
};

/** A server of that service on a socket of its own, a client of grpc-js, and what is logged. */
export async function serveWords(
  handlers: Handlers<typeof WordsService>,
  { observers = [], endless = [], oneByOne = [], path }: ServeOptions = {},
) {
  const dir = await tempDir();
  const socketPath = path ?? join(dir.path, "words.sock");
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({ level: "debug", format: "json", destination });
  const services = [defineService(WordsService, handlers, { endless, oneByOne })];
  const server = new GrpcServer({ services, logger, observers });
  await server.listen(socketPath);
  const channel = { "grpc.default_authority": "localhost" };
  const client = new Client(`unix:${socketPath}`, credentials.createInsecure(), channel);
  return {
    server,
    path: socketPath,
    /** Sends words to a method, and their end unless they stay open. */
    call: (kind: Kind, words: readonly string[], options: CallOptions = {}) =>
      begin(client, kind, words, options),
    logged: (): readonly Readonly<Record<string, unknown>>[] => lines.map((line) => JSON.parse(line)),
    [Symbol.asyncDispose]: async () => {
      client.close();
      await server.close(0);
      await dir[Symbol.asyncDispose]();
    },
  };
}

type CallOptions = {
  readonly metadata?: Readonly<Record<string, string>>;
  /** A client that may still send more; a method that takes one message has it all the same. */
  readonly open?: boolean;
};

function begin(client: Client, kind: Kind, words: readonly string[], { metadata = {}, open }: CallOptions) {
  const { path, requestSerialize: code, responseDeserialize: decode } = WordsService[kind];
  const sent = new Metadata();
  for (const [key, value] of Object.entries(metadata)) sent.set(key, value);
  const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
  const answered = (error: Error | null, answer?: string) =>
    error === null ? resolve(answer === undefined ? [] : [answer]) : reject(error);
  const [first = ""] = words;
  const send = <Call extends { write(word: string): unknown; end(): unknown }>(call: Call): Call => {
    for (const word of words) call.write(word);
    if (open !== true) call.end();
    return call;
  };
  const receive = <Call extends AsyncIterable<string>>(call: Call): Call => {
    void Array.fromAsync(call).then(resolve, reject);
    return call;
  };
  const call = {
    unary: () => client.makeUnaryRequest(path, code, decode, first, sent, answered),
    serverStream: () => receive(client.makeServerStreamRequest(path, code, decode, first, sent)),
    clientStream: () => send(client.makeClientStreamRequest(path, code, decode, sent, answered)),
    bidi: () => receive(send(client.makeBidiStreamRequest(path, code, decode, sent))),
  }[kind]();
  // Only some tests wait for it.
  promise.catch(() => undefined);
  return { answers: promise, cancel: () => call.cancel() };
}
