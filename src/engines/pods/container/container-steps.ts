import { join } from "node:path";
import { makeDirectoriesNow } from "../../../ground/directories/index.ts";
import { mountMappedSnapshot, mountSnapshot } from "../../../ground/linux/index.ts";
import { EngineError } from "../../engine/index.ts";
import { restoreStep } from "../checkpoint/restore-step.ts";
import { containerPaths, sandboxPaths } from "../paths.ts";
import type { ContainerDraft } from "../records/records.ts";
import { removeDirectory, removeMountPoint } from "../records/remove-directory.ts";
import { removeSnapshot } from "../records/snapshots.ts";
import type { Step } from "../records/steps.ts";
import { letPodRootTraverse, podIdMappings, podRoot } from "../sandbox/user-namespaces.ts";
import type { PodServices } from "../services.ts";
import { mountImageVolumes, unmountImageVolumes } from "../volumes/image-volumes.ts";
import { mountMappedVolumes, unmountMappedVolumes } from "../volumes/mapped-volumes.ts";
import { containerLabels, rootfsWithLabel } from "../volumes/se-linux-labels.ts";
import { checkSpec } from "./container-spec.ts";
import { UnrecordedSnapshot } from "./unrecorded-snapshot.ts";

/** The steps that create a container, in order. Their undos, in reverse, also remove a finished one. */
export function containerSteps(services: PodServices): readonly Step<ContainerDraft>[] {
  return [
    extensions(services),
    snapshot(services),
    bundle(services),
    rootfs(services),
    imageVolumes(services),
    mappedVolumes(services),
    declaredVolumes(services),
    spec(services),
    restoreStep(services),
    commit(services),
  ];
}

/** Called first, so that an unavailable device fails before anything is created. */
function extensions({ extensions: all, sandboxes }: PodServices): Step<ContainerDraft> {
  return {
    name: "container-extensions",
    run: async (draft) => {
      const { record: container } = draft;
      const sandbox = sandboxes.get(container.sandboxId);
      draft.record = { ...container, adjustments: await all.createContainer({ container, sandbox }) };
    },
    undo: ({ record }) => all.removeContainer(record),
  };
}

function snapshot(services: PodServices): Step<ContainerDraft> {
  const { images } = services;
  return {
    name: "container-snapshot",
    run: async (draft) => {
      const { id, imageId } = draft.record;
      const image = images.find(imageId);
      if (image === undefined)
        throw new EngineError(
          "NotFound",
          `image ${imageId} was removed while a container was being created from it; pull it again`,
        );
      draft.snapshot = await UnrecordedSnapshot.prepare(images, image, id);
    },
    undo: async ({ record, snapshot }) => {
      await snapshot?.discard();
      // The container's record is deleted after it, and only that deletion must be durable.
      await removeSnapshot(record.id, services, "withNext");
    },
  };
}

function bundle({ stateDir, sandboxes, trees }: PodServices): Step<ContainerDraft> {
  return {
    name: "container-bundle",
    run: async ({ record }) => {
      const { bundle, rootfs } = containerPaths(stateDir, record.id);
      // On a tmpfs.
      makeDirectoriesNow(rootfs, 0o700);
      await letPodRootTraverse(bundle, stateDir, sandboxes.get(record.sandboxId).config);
    },
    undo: ({ record }) => removeDirectory(containerPaths(stateDir, record.id).bundle, trees),
  };
}

function rootfs(services: PodServices): Step<ContainerDraft> {
  const { stateDir, snapshotter, sandboxes } = services;
  return {
    name: "container-rootfs",
    run: async ({ record, snapshot }) => {
      const { rootfs, layers } = containerPaths(stateDir, record.id);
      const sandbox = sandboxes.get(record.sandboxId);
      const labels = containerLabels(record.config, sandbox, services);
      const mounts = await rootfsWithLabel(sandbox.id, snapshot?.mounts ?? [], labels, services.seLinux);
      const { id, config } = sandbox;
      if (podIdMappings(config) === undefined) return mountSnapshot(mounts, rootfs);
      await mountMappedSnapshot(mounts, rootfs, {
        userNamespace: join(sandboxPaths(stateDir, id).namespaces, "user"),
        owner: podRoot(config),
        layers: snapshotter.root,
        scratch: layers,
      });
    },
    undo: async ({ record }) => {
      const { rootfs, layers } = containerPaths(stateDir, record.id);
      await removeMountPoint(layers);
      await removeMountPoint(rootfs);
    },
  };
}

function imageVolumes(services: PodServices): Step<ContainerDraft> {
  return {
    name: "container-image-volumes",
    run: ({ record }) => mountImageVolumes(record, services),
    undo: ({ record }) => unmountImageVolumes(record, services),
  };
}

function declaredVolumes({ declaredVolumes: volumes, sandboxes }: PodServices): Step<ContainerDraft> {
  return {
    name: "container-volumes",
    run: ({ record }) => volumes.make(record, sandboxes.get(record.sandboxId).config),
    undo: ({ record }) => volumes.remove(record),
  };
}

/**
 * Nothing is written here: the specification is built when the container starts. An invalid configuration
 * fails now, at creation.
 */
function spec(services: PodServices): Step<ContainerDraft> {
  return {
    name: "container-spec",
    run: async (draft) => {
      draft.user = await checkSpec(draft.record, services);
    },
  };
}

function mappedVolumes(services: PodServices): Step<ContainerDraft> {
  return {
    name: "container-mapped-volumes",
    run: ({ record }) => mountMappedVolumes(record, services),
    undo: ({ record }) => unmountMappedVolumes(record, services),
  };
}

/** The pod may have been stopped in the meantime; then the container must not stay. */
function commit({ usableSandboxes, containers }: PodServices): Step<ContainerDraft> {
  return {
    name: "container-commit",
    run: async ({ record, user, snapshot }) => {
      usableSandboxes.get(record.sandboxId);
      await containers.save({ ...record, user, phase: { kind: "created" } }, "atOnce", snapshot?.along);
      await snapshot?.finish();
    },
  };
}
