import { mkdir } from "node:fs/promises";
import { EngineError } from "../engine/index.ts";
import { hasCode } from "../errors/index.ts";
import { mountSnapshot } from "../linux/index.ts";
import { restoreStep } from "./checkpoint/restore-step.ts";
import { checkSpec } from "./container-spec.ts";
import { mountImageVolumes, unmountImageVolumes } from "./image-volumes.ts";
import { containerPaths } from "./paths.ts";
import { readySandbox } from "./ready-sandbox.ts";
import type { ContainerRecord } from "./records.ts";
import { removeDirectory, removeMountPoint } from "./remove-directory.ts";
import type { PodServices } from "./services.ts";
import type { Step } from "./steps.ts";

/** A container on its way: its record, and what the steps find out. */
export type ContainerDraft = { readonly record: ContainerRecord; user: ContainerRecord["user"] };

/** Everything that makes a container, in order. Their undos, in reverse, also remove a finished one. */
export function containerSteps(services: PodServices): readonly Step<ContainerDraft>[] {
  return [
    snapshot(services),
    bundle(services),
    rootfs(services),
    imageVolumes(services),
    spec(services),
    restoreStep(services),
    commit(services),
  ];
}

function snapshot({ images, snapshotter }: PodServices): Step<ContainerDraft> {
  return {
    name: "container-snapshot",
    run: async ({ record: { id, imageId } }) => {
      const image = images.find(imageId);
      if (image === undefined)
        throw new EngineError(
          "NotFound",
          `image ${imageId} was removed while a container was made of it; pull it again`,
        );
      await images.prepareRootfs(image, id);
    },
    undo: async ({ record }) => {
      await snapshotter.remove(record.id).catch((error: unknown) => {
        if (!hasCode(error, "NotFound")) throw error;
      });
    },
  };
}

function bundle({ stateDir }: PodServices): Step<ContainerDraft> {
  return {
    name: "container-bundle",
    run: async ({ record }) => {
      await mkdir(containerPaths(stateDir, record.id).rootfs, { recursive: true, mode: 0o700 });
    },
    undo: ({ record }) => removeDirectory(containerPaths(stateDir, record.id).bundle),
  };
}

function rootfs({ stateDir, snapshotter }: PodServices): Step<ContainerDraft> {
  return {
    name: "container-rootfs",
    run: ({ record }) =>
      mountSnapshot(snapshotter.mounts(record.id), containerPaths(stateDir, record.id).rootfs),
    undo: ({ record }) => removeMountPoint(containerPaths(stateDir, record.id).rootfs),
  };
}

function imageVolumes(services: PodServices): Step<ContainerDraft> {
  return {
    name: "container-image-volumes",
    run: ({ record }) => mountImageVolumes(record, services),
    undo: ({ record }) => unmountImageVolumes(record, services),
  };
}

/** Nothing is written here: the specification is made when the container starts. A configuration that cannot become one fails now, at its creation. */
function spec(services: PodServices): Step<ContainerDraft> {
  return {
    name: "container-spec",
    run: async (draft) => {
      draft.user = await checkSpec(draft.record, services);
    },
  };
}

/** The pod may have been stopped meanwhile; what was made in it then must not stay. */
function commit({ sandboxes, containers }: PodServices): Step<ContainerDraft> {
  return {
    name: "container-commit",
    run: async ({ record, user }) => {
      readySandbox(sandboxes, record.sandboxId);
      await containers.save({ ...record, user, phase: { kind: "created" } });
    },
  };
}
