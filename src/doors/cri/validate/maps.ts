import { anyText, line, map } from "./text.ts";

/** Kubernetes' own labels of a pod or container stay far below. */
export const labels = map(line(1024), anyText, 256 * 1024);

/** Kubernetes allows 256 KiB of a pod's own, to which the kubelet adds; it sends them with images too. */
export const annotations = map(line(1024), anyText, 1024 * 1024);
