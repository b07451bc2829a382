import { join } from "node:path";
import {
  byInterface,
  needsPause,
  podAttachment,
  podToDetach,
  sharesHostIpc,
  sharesHostNetwork,
} from "../../podnetwork/index.ts";
import { sandboxPaths } from "../paths.ts";
import type { SandboxRecord } from "../records/records.ts";
import { removeMountPoint } from "../records/remove-directory.ts";
import type { Step } from "../records/steps.ts";
import type { PodServices } from "../services.ts";
import { labelSandboxFiles, sandboxLabels } from "../volumes/se-linux-labels.ts";
import { podNamespaces } from "./pod-namespaces.ts";
import type { Ready } from "./ready-pod.ts";
import { makeSandboxDirectory, removeSandboxDirectory } from "./sandbox-directory.ts";
import { mountSharedMemory, writeHosts, writeSandboxFiles } from "./sandbox-files.ts";
import { podRoot } from "./user-namespaces.ts";

/** A sandbox being created: its record, and results of the steps. */
export type SandboxDraft = {
  readonly record: SandboxRecord;
  ips: readonly string[];
  /** What was created in advance for it; the caller of the steps disposes the namespaces afterwards. */
  ready?: Ready | undefined;
  /** Resolves when its directory exists. */
  directory?: Promise<void>;
  /** Resolves when its namespaces are pinned in it. */
  pinned?: Promise<unknown>;
};

/**
 * The steps that create a pod sandbox, in order. Their undos, in reverse, also tear down a finished sandbox.
 */
export function sandboxSteps(services: PodServices): readonly Step<SandboxDraft>[] {
  return [
    directories(services),
    namespaces(services),
    files(services),
    network(services),
    hosts(services),
    interfaceSysctls(services),
    pause(services),
    commit(services),
  ];
}

function directories({ stateDir, trees }: PodServices): Step<SandboxDraft> {
  return {
    name: "sandbox-directories",
    run: async (draft) => {
      const { directory } = sandboxPaths(stateDir, draft.record.id);
      draft.directory = makeSandboxDirectory(directory, draft.record.config);
      await draft.directory;
    },
    undo: ({ record }) => removeSandboxDirectory(sandboxPaths(stateDir, record.id).directory, trees),
  };
}

function namespaces(services: PodServices): Step<SandboxDraft> {
  return {
    name: "sandbox-namespaces",
    withPrevious: true,
    run: async (draft) => {
      const { record, directory } = draft;
      const { sysctls, ...request } = podNamespaces(record, services);
      // A pod without interfaces of its own has the host's, for which sysctls are refused by name.
      const first = sharesHostNetwork(record.config) ? sysctls : byInterface(sysctls).others;
      const wanted = { ...request, sysctls: first };
      const ready = services.readyPod.take(wanted);
      const pin = async () => {
        await directory;
        await services.namespaceThread.createPodNamespaces(wanted, ready?.namespaces);
      };
      draft.ready = ready;
      draft.pinned = pin();
      await draft.pinned;
    },
    undo: ({ record }) =>
      services.namespaceThread.unpinNamespaces(sandboxPaths(services.stateDir, record.id).namespaces),
  };
}

function files(services: PodServices): Step<SandboxDraft> {
  return {
    name: "sandbox-files",
    withPrevious: true,
    run: async ({ record, directory }) => {
      const { id, config } = record;
      const paths = sandboxPaths(services.stateDir, id);
      const labels = sandboxLabels(record, services);
      await directory;
      await writeSandboxFiles(config, paths);
      if (labels !== undefined) labelSandboxFiles(paths, labels, services.seLinux);
      if (!sharesHostIpc(config)) await mountSharedMemory(paths.shm, podRoot(config), labels);
    },
    undo: ({ record }) => removeMountPoint(sandboxPaths(services.stateDir, record.id).shm),
  };
}

/**
 * What was created in advance is used while the rest is created; everything else is then created in the
 * namespaces.
 */
function network({ stateDir, network }: PodServices): Step<SandboxDraft> {
  return {
    name: "sandbox-network",
    withPrevious: true,
    run: async (draft) => {
      const { record, ready, pinned = Promise.resolve() } = draft;
      const { id, config } = record;
      if (sharesHostNetwork(config)) return;
      const pod = podAttachment(id, config, join(sandboxPaths(stateDir, id).namespaces, "net"));
      if (ready?.network === undefined) await pinned;
      const prepared = ready?.network && { ...ready.network, pinned };
      draft.ips = (await network.attach(pod, undefined, prepared)).ips;
    },
    // If it never got addresses, only the attachment's record shows whether plugins were run.
    undo: async ({ record }) => {
      const { id, config, ips } = record;
      if (sharesHostNetwork(config)) return;
      const pod = podToDetach(id, config, join(sandboxPaths(stateDir, id).namespaces, "net"));
      await network.detach(id, ips.length === 0 ? {} : { pod });
    },
  };
}

/** The pod's addresses are known only now. */
function hosts({ stateDir }: PodServices): Step<SandboxDraft> {
  return {
    name: "sandbox-hosts",
    run: async ({ record: { id, config }, ips }) => {
      if (!sharesHostNetwork(config)) await writeHosts(config, sandboxPaths(stateDir, id), ips);
    },
  };
}

/** An interface's parameters exist once CNI plugins have created it. They disappear with the namespace. */
function interfaceSysctls(services: PodServices): Step<SandboxDraft> {
  return {
    name: "sandbox-interface-sysctls",
    run: async ({ record }) => {
      if (sharesHostNetwork(record.config)) return;
      const { hostname: _, ...request } = podNamespaces(record, services);
      const { ofInterfaces } = byInterface(request.sysctls);
      if (Object.keys(ofInterfaces).length === 0) return;
      await services.namespaceThread.resetPodNamespaces({ ...request, sysctls: ofInterfaces });
    },
  };
}

function pause({ pauses }: PodServices): Step<SandboxDraft> {
  return {
    name: "sandbox-pause",
    run: async ({ record }) => {
      if (needsPause(record.config)) await pauses.start(record);
    },
    undo: async ({ record }) => {
      if (needsPause(record.config)) await pauses.remove(record);
    },
  };
}

/** From here on, retrying clients and a restarted daemon find the sandbox. */
function commit({ sandboxes }: PodServices): Step<SandboxDraft> {
  return {
    name: "sandbox-commit",
    run: async ({ record, ips }) => {
      await sandboxes.save({ ...record, phase: "ready", ips });
    },
  };
}
