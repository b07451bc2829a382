import type { CallContext, Handlers } from "../../ground/grpc/index.ts";
import { checkNamespace } from "../../services/namespaces/index.ts";
import type { NamespaceStorage, Storage } from "../../services/storage/index.ts";
import { ContainerdError, withEnding } from "./errors.ts";

/** What a handler knows of its call besides the request. */
export type ContainerdCall = CallContext & {
  /**
   * What the call's namespace (metadata `containerd-namespace`) has. Throws FailedPrecondition for none,
   * InvalidArgument for a bad one.
   */
  readonly namespace: () => Promise<NamespaceStorage>;
  /** The lease that what the call makes is put into (metadata `containerd-lease`); "" for none. */
  readonly leaseId: string;
};

type Handler = (request: unknown, call: CallContext) => unknown;

/**
 * Handlers that are told namespace and lease, in front of those that the server knows; what they throw ends
 * as containerd's errors do. A call without a valid namespace does not come to them, but for the methods
 * `anywhere`.
 */
export function withNamespace<Definition>(
  handlers: Handlers<Definition, ContainerdCall>,
  { storage, anywhere }: { readonly storage: Storage; readonly anywhere: readonly string[] },
): Handlers<Definition> {
  type Given = (request: unknown, call: ContainerdCall) => unknown;
  const entries = Object.entries(handlers as Readonly<Record<string, Given>>);
  const told = entries.map(([method, handler]): [string, Handler] => [
    method,
    (request, call) => {
      const leaseId = header(call, "containerd-lease");
      const namespace = async () => await storage.inNamespace(namespaceOf(call));
      return withEndings(() => {
        if (!anywhere.includes(method)) namespaceOf(call);
        return handler(request, { ...call, leaseId, namespace });
      });
    },
  ]);
  return Object.fromEntries(told) as Handlers<Definition>;
}

function namespaceOf(call: CallContext): string {
  const name = header(call, "containerd-namespace");
  if (name === "") throw new ContainerdError("FailedPrecondition", "namespace is required");
  checkNamespace(name);
  return name;
}

/**
 * The first value, as containerd takes it: clients put the one of an inner scope before those of the scopes
 * around it. Node's HTTP/2 puts several headers of one name into one value.
 */
function header({ metadata }: CallContext, name: string): string {
  const [first = ""] = String(metadata.get(name)[0] ?? "").split(", ");
  return first;
}

function isStream(answer: unknown): answer is AsyncIterable<unknown> {
  return typeof answer === "object" && answer !== null && Symbol.asyncIterator in answer;
}

function withEndings(handle: () => unknown): unknown {
  try {
    const answer = handle();
    return isStream(answer) ? endedStream(answer) : endedAnswer(answer);
  } catch (error) {
    throw withEnding(error);
  }
}

async function* endedStream(answers: AsyncIterable<unknown>): AsyncGenerator<unknown> {
  try {
    yield* answers;
  } catch (error) {
    throw withEnding(error);
  }
}

async function endedAnswer(answer: unknown): Promise<unknown> {
  try {
    return await answer;
  } catch (error) {
    throw withEnding(error);
  }
}
