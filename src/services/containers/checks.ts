import { isIdentifier } from "../namespaces/index.ts";
import type { Container, Sandbox } from "./containers.ts";
import { type CommonFields, ContainersError } from "./records.ts";

type Checked<R> = Omit<R, "createdAtNs" | "updatedAtNs">;

/** containerd's rules for a container. Throws ContainersError InvalidArgument. */
export function checkContainer(container: Checked<Container>): void {
  checkCommon("container", container);
  if (container.snapshotKey !== "" && container.snapshotter === "")
    throw invalid("container", container.id, "has a snapshot but no snapshotter; set both or neither");
}

/** Throws ContainersError InvalidArgument. */
export function checkSandbox(sandbox: Checked<Sandbox>): void {
  checkCommon("sandbox", sandbox);
}

function checkCommon(kind: string, { id, runtime, extensions }: Checked<CommonFields>): void {
  if (!isIdentifier(id))
    throw invalid(
      kind,
      id,
      "has no valid id: use at most 76 letters and digits, with single - . _ between them",
    );
  if (runtime.name === "") throw invalid(kind, id, "has no runtime; name one");
  if ("" in extensions) throw invalid(kind, id, "has an extension without a name");
}

function invalid(kind: string, id: string, problem: string): ContainersError {
  return new ContainersError("InvalidArgument", `${kind} ${JSON.stringify(id.slice(0, 152))} ${problem}`);
}
