import { absolutePath } from "../names.ts";
import {
  checked,
  exactlyOne,
  integer,
  intOrString,
  list,
  object,
  oneOf,
  type Read,
  type Schema,
  string,
} from "../schema.ts";

/** A port by its number, or by its name in the container. */
const port: Schema<number | string> = checked(intOrString, (value, place) => {
  if (typeof value === "number" && (value < 1 || value > 65_535)) place.error("must be between 1 and 65535");
});

const exec = object({ command: list(string) }, {});
const httpGet = object(
  { port },
  {
    host: string,
    path: string,
    scheme: oneOf("HTTP", "HTTPS"),
    httpHeaders: list(object({ name: string, value: string }, {})),
  },
  ["protocol"],
);
const tcpSocket = object({ port }, { host: string });

export type HttpGet = Read<typeof httpGet>;

/** What a hook does. */
export const lifecycleHandler = checked(
  object({}, { exec, httpGet, tcpSocket, sleep: object({ seconds: integer(0) }, {}) }),
  exactlyOne(["exec", "httpGet", "tcpSocket", "sleep"]),
);
export type LifecycleHandler = Read<typeof lifecycleHandler>;

/** What a probe does, and how often. */
export const probe = checked(
  object(
    {},
    {
      exec,
      httpGet,
      tcpSocket,
      grpc: object({ port: integer(1, 65_535) }, { service: string }, ["mode"]),
      initialDelaySeconds: integer(0),
      periodSeconds: integer(1),
      timeoutSeconds: integer(1),
      successThreshold: integer(1),
      failureThreshold: integer(1),
      terminationGracePeriodSeconds: integer(1),
    },
  ),
  exactlyOne(["exec", "httpGet", "tcpSocket", "grpc"]),
);
export type Probe = Read<typeof probe>;

export const lifecycle = object(
  {},
  { postStart: lifecycleHandler, preStop: lifecycleHandler, stopSignal: string },
);

/** Where a container leaves its last words. */
export const terminationMessagePath = absolutePath;
