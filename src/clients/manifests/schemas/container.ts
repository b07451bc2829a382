import { ipAddress } from "../ip-address.ts";
import { dnsLabel, portName } from "../names.ts";
import { quantity } from "../quantity.ts";
import {
  boolean,
  checked,
  integer,
  integerOrNone,
  list,
  mapOf,
  object,
  oneOf,
  type Read,
  string,
  text,
  unique,
} from "../schema.ts";
import { lifecycle, probe, terminationMessagePath } from "./handlers.ts";
import { securityContext } from "./security.ts";
import { envFrom, envVar } from "./sources.ts";
import { volumeMount } from "./volumes.ts";

const portNumber = integer(1, 65_535);

const containerPort = object(
  { containerPort: portNumber },
  {
    hostPort: integerOrNone(0, 65_535),
    hostIP: ipAddress(""),
    name: portName,
    protocol: oneOf("TCP", "UDP", "SCTP"),
  },
);
export type ContainerPort = Read<typeof containerPort>;

export const resourceRequirements = object({}, { limits: mapOf(quantity), requests: mapOf(quantity) }, [
  "claims",
]);
export type ResourceRequirements = Read<typeof resourceRequirements>;

const restartRule = object(
  { action: oneOf("Restart", "RestartAllContainers") },
  { exitCodes: object({ operator: oneOf("In", "NotIn") }, { values: list(integer()) }) },
);

const fields = {
  imagePullPolicy: oneOf("Always", "IfNotPresent", "Never"),
  command: list(string),
  args: list(string),
  workingDir: string,
  env: list(envVar),
  envFrom: list(envFrom),
  ports: checked(
    list(containerPort),
    unique("name", ({ name }) => name),
  ),
  volumeMounts: checked(
    list(volumeMount),
    unique("mountPath", ({ mountPath }) => mountPath),
  ),
  resources: resourceRequirements,
  restartPolicy: oneOf("Always", "OnFailure", "Never"),
  restartPolicyRules: list(restartRule),
  securityContext,
  lifecycle,
  livenessProbe: probe,
  readinessProbe: probe,
  startupProbe: probe,
  stdin: boolean,
  stdinOnce: boolean,
  tty: boolean,
  terminationMessagePath,
  terminationMessagePolicy: oneOf("File", "FallbackToLogsOnError"),
};

const withoutEffect = ["resizePolicy", "volumeDevices"];

const image = text((value) =>
  value === "" || value.trim() !== value ? "must be a reference of an image" : undefined,
);

export const container = object({ name: dnsLabel, image }, fields, withoutEffect);
export type Container = Read<typeof container>;

export const ephemeralContainer = object(
  { name: dnsLabel, image },
  { ...fields, targetContainerName: string },
  withoutEffect,
);
export type EphemeralContainer = Read<typeof ephemeralContainer>;
