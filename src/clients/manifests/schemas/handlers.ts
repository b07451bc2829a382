import { absolutePath, portOrName } from "../names.ts";
import {
  checked,
  count,
  exactlyOne,
  filled,
  integer,
  integerOrNone,
  list,
  maxCount,
  object,
  oneOf,
  type Read,
  string,
  text,
} from "../schema.ts";

const exec = object({ command: filled(string) }, {});
const httpGet = object(
  { port: portOrName },
  {
    host: string,
    path: string,
    scheme: oneOf("HTTP", "HTTPS"),
    httpHeaders: list(object({ name: string, value: string }, {})),
  },
  ["protocol"],
);
const tcpSocket = object({ port: portOrName }, { host: string });

export type HttpGet = Read<typeof httpGet>;

/** The action of a hook. */
export const lifecycleHandler = checked(
  object({}, { exec, httpGet, tcpSocket, sleep: object({ seconds: integer(0) }, {}) }),
  exactlyOne(["exec", "httpGet", "tcpSocket", "sleep"]),
);
export type LifecycleHandler = Read<typeof lifecycleHandler>;

/** The action of a probe, and its interval. */
export const probe = checked(
  object(
    {},
    {
      exec,
      httpGet,
      tcpSocket,
      grpc: object({ port: integer(1, 65_535) }, { service: string }, ["mode"]),
      initialDelaySeconds: count,
      periodSeconds: integerOrNone(0, maxCount),
      timeoutSeconds: integerOrNone(0, maxCount),
      successThreshold: integerOrNone(0, maxCount),
      failureThreshold: integerOrNone(0, maxCount),
      terminationGracePeriodSeconds: integer(1),
    },
  ),
  exactlyOne(["exec", "httpGet", "tcpSocket", "grpc"]),
);
export type Probe = Read<typeof probe>;

const signals =
  /^SIG(ABRT|ALRM|BUS|CHLD|CLD|CONT|FPE|HUP|ILL|INT|IO|IOT|KILL|PIPE|POLL|PROF|PWR|QUIT|SEGV|STKFLT|STOP|SYS|TERM|TRAP|TSTP|TTIN|TTOU|URG|USR1|USR2|VTALRM|WINCH|XCPU|XFSZ|RTMIN(\+([1-9]|1[0-5]))?|RTMAX(-([1-9]|1[0-4]))?)$/;

const stopSignal = text((value) => (signals.test(value) ? undefined : "is not a signal such as SIGINT"));

export const lifecycle = object({}, { postStart: lifecycleHandler, preStop: lifecycleHandler, stopSignal });

/** The path of a container's termination message. */
export const terminationMessagePath = absolutePath;
