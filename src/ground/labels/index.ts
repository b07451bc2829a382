/**
 * Labels: the words that clients put on namespaces, images, content, snapshots and leases, and how they
 * change. Every store changes them in the same way, so that clients need not know which store they talk to.
 *
 * This room does not know what any label means.
 */
export { type Labels, LabelsError, type LabelUpdate, updateAnyLabels, updateLabels } from "./labels.ts";
