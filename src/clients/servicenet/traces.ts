import { isErrno } from "../../ground/fs/index.ts";
import { deleteLink, linkByName, NetlinkSocket, nft } from "../../ground/linux/index.ts";

/** Removes a network's table and link, if they exist. Throws LinuxError. */
export async function removeTraces(route: NetlinkSocket, name: string): Promise<void> {
  using rules = NetlinkSocket.open("netfilter");
  try {
    await nft.commitAsync(rules, [nft.deleteTable(name)]);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
  const link = linkByName(route, name);
  if (link !== undefined) await deleteLink(route, link);
}
