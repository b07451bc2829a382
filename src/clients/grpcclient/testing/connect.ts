import { WordsService } from "../../../ground/grpc/testing/words.ts";
import { GrpcClient } from "../index.ts";

export const { unary, serverStream, clientStream } = WordsService;

export const forEver = { signal: new AbortController().signal, timeoutMs: Number.POSITIVE_INFINITY };

export function connectTo(path: string, maxMessageBytes = 8 * 1024 * 1024): GrpcClient {
  return new GrpcClient({ address: { path }, metadata: { "x-caller": "tests" }, maxMessageBytes });
}

export function within(timeoutMs: number) {
  return { ...forEver, timeoutMs };
}
