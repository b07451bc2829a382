import assert from "node:assert/strict";
import { test } from "node:test";
import { answerText, requestText } from "./request-log.ts";

test("requests and responses are written as HTTP text, without secrets", () => {
  const url = new URL("https://registry.example/token?secret=1");
  const request = requestText("GET", url, {
    accept: ["a/b", "c/d"],
    authorization: "Basic dTpw",
    cookie: "session=1",
    "x-left-out": undefined,
  });
  assert.equal(
    request,
    "GET https://registry.example/token?... HTTP/1.1\naccept: a/b\naccept: c/d\nauthorization: Basic (not shown)\ncookie: (not shown)\n\n",
  );
  const answer = answerText(307, {
    location: "https://blobs.example/x?signature=1",
    "set-cookie": ["a=1", "b=2"],
    etag: "e",
  });
  assert.equal(
    answer,
    "HTTP/1.1 307 Temporary Redirect\nlocation: https://blobs.example/x?...\nset-cookie: (not shown)\nset-cookie: (not shown)\netag: e\n\n",
  );
});
