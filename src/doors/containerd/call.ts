import type { CallContext, Handlers } from "../../ground/grpc/index.ts";
import { checkNamespace } from "../../services/namespaces/index.ts";
import type { NamespaceStorage, Storage } from "../../services/storage/index.ts";
import { ContainerdError, withEnding } from "./errors.ts";

/** A call's context: what its handler receives in addition to the request. */
export type ContainerdCall = CallContext & {
  /**
   * The storage of the call's namespace (metadata `containerd-namespace`). Throws FailedPrecondition if it is
   * missing, InvalidArgument if it is not valid.
   */
  readonly namespace: () => Promise<NamespaceStorage>;
  /** The lease that everything the call creates is added to (metadata `containerd-lease`); "" for none. */
  readonly leaseId: string;
};

type Handler = (request: unknown, call: CallContext) => unknown;

/**
 * Adapts handlers that expect a namespace and a lease to those of the server; their errors get the text that
 * containerd's clients expect. Calls without a valid namespace are rejected, except for the methods
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
 * The first value of a header, as in containerd: clients put the value of an inner scope before those of
 * outer scopes. Node's HTTP/2 joins headers of the same name into one value.
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
