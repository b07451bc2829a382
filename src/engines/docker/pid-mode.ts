import { NamespaceMode, type NamespaceOption } from "../../ground/protocol/index.ts";

/** Docker's word for a namespace of a container; `sandboxId` undefined is the sandbox's own. */
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
