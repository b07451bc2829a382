import { readProjectFile } from "./docs.ts";

/** A field of a message of the CRI, in the words of its .proto file. */
export type CriField = {
  /** `hugepage_limits` */
  readonly name: string;
  /** `HugepageLimit`, `string`, `map<string, string>`; of a repeated field that of its elements. */
  readonly type: string;
  readonly isRepeated: boolean;
};

/** The messages of runtime.v1 by their names, read from the protocol itself. */
export async function criMessages(): Promise<ReadonlyMap<string, readonly CriField[]>> {
  const text = (await readProjectFile("proto/runtime/v1/api.proto")).replaceAll(
    /\/\/.*|\benum \w+ \{[^}]*\}/g,
    "",
  );
  const messages = text.matchAll(/^message (\w+) \{((?:[^{}]|\{[^{}]*\})*)\}/gm);
  return new Map(Array.from(messages, ([, name = "", body = ""]) => [name, fieldsOf(body)]));
}

function fieldsOf(body: string): readonly CriField[] {
  const fields = body.matchAll(/(repeated\s+)?(map<[^>]*>|[\w.]+)\s+(\w+)\s*=\s*\d+\s*(?:\[.*?\])?;/g);
  return Array.from(fields, ([, repeated, type = "", name = ""]) => ({
    name,
    type,
    isRepeated: repeated !== undefined,
  }));
}
