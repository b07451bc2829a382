import { NamespaceMode, type NamespaceOption } from "../../ground/protocol/index.ts";

/** Docker's `PidMode`. `sandboxId` is undefined for the sandbox's own container. */
export function pidMode({ pid }: Pick<NamespaceOption, "pid">, sandboxId: string | undefined): string {
  switch (pid) {
    case NamespaceMode.NODE:
      return "host";
    case NamespaceMode.POD:
      return sandboxId === undefined ? "" : `container:${sandboxId}`;
    default:
      return "";
  }
}
