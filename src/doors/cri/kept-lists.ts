import { Container, PodSandbox, RuntimeServiceService } from "../../ground/protocol/index.ts";
import { perObject } from "../../ground/sync/index.ts";

/**
 * RuntimeService, in which the responses of ListContainers and ListPodSandbox, and their items, are encoded
 * once as long as they stay the same objects: every kubelet requests these lists every second, and little
 * changes in between.
 */
export function serviceWithKeptLists(): typeof RuntimeServiceService {
  const { listContainers, listPodSandbox } = RuntimeServiceService;
  const container = perObject((item: Container) => Container.encode(item).finish());
  const sandbox = perObject((item: PodSandbox) => PodSandbox.encode(item).finish());
  const ofContainers = perObject((list: readonly Container[]) => messageWithList(list.map(container)));
  const ofSandboxes = perObject((list: readonly PodSandbox[]) => messageWithList(list.map(sandbox)));
  return {
    ...RuntimeServiceService,
    listContainers: {
      ...listContainers,
      responseSerialize: ({ containers }) => ofContainers(containers),
    },
    listPodSandbox: {
      ...listPodSandbox,
      responseSerialize: ({ items }) => ofSandboxes(items),
    },
  };
}

/** Field 1, length-delimited: both responses have only their list, there. */
const tag = 0x0a;

/**
 * A message with nothing but a list of messages in field 1
 * (https://protobuf.dev/programming-guides/encoding/).
 */
function messageWithList(items: readonly Uint8Array[]): Buffer {
  const sizeBytes = items.reduce((sum, { length }) => sum + 1 + varintBytes(length) + length, 0);
  const message = Buffer.allocUnsafe(sizeBytes);
  let at = 0;
  for (const item of items) {
    message[at++] = tag;
    at = writeVarint(message, at, item.length);
    message.set(item, at);
    at += item.length;
  }
  return message;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}

function writeVarint(into: Buffer, start: number, value: number): number {
  let at = start;
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) into[at++] = (rest % 0x80) + 0x80;
  into[at++] = rest;
  return at;
}
