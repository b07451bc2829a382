import assert from "node:assert/strict";
import { test } from "node:test";
import { CriClientError } from "../../criclient/index.ts";
import { needsBerthd } from "./needs-berthd.ts";

const told = (message: string) => String(needsBerthd("load", new CriClientError("Unimplemented", message)));

test("a call that another runtime lacks needs berthd, whatever library the runtime uses", () => {
  for (const message of [
    "unknown service berth.v1.BerthService",
    "unknown method ImportImage for service berth.v1.BerthService",
    "The server does not implement the method /berth.v1.BerthService/ImportImage",
    "ImportImage: Unimplemented",
  ])
    assert.match(told(message), /load needs berthd/);
});

test("berthd's own Unimplemented errors keep their message", () => {
  assert.match(told('layer sha256:1 has the media type "a/b", which is not supported'), /media type "a\/b"/);
});
