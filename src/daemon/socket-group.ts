import { readFile } from "node:fs/promises";
import { ConfigError } from "../ground/config/index.ts";

/**
 * Group id of `address_group`; undefined for none. Throws ConfigError InvalidArgument for a name that is not
 * in the file: groups from elsewhere (LDAP) must be given by number.
 */
export async function socketGroup(name: string, groupFile = "/etc/group"): Promise<number | undefined> {
  if (name === "") return undefined;
  if (/^\d+$/.test(name)) return Number(name);
  const lines = (await readFile(groupFile, "utf8")).split("\n").map((line) => line.split(":"));
  const id = lines.find(([group]) => group === name)?.[2];
  if (id !== undefined) return Number(id);
  throw new ConfigError(
    "InvalidArgument",
    `address_group: group ${JSON.stringify(name)} not found in ${groupFile}; create it with \`groupadd ${name}\`, or give a number`,
  );
}
