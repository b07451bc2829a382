/**
 * Labels, which clients set on namespaces, images, content, snapshots and leases, and their updates. Every
 * store updates them in the same way.
 *
 * This room does not know what any label means.
 */
export { type Labels, LabelsError, type LabelUpdate, updateAnyLabels, updateLabels } from "./labels.ts";
