/**
 * Filters in containerd's syntax (pkg/filters), by which clients choose among records: `name==a`,
 * `labels."a.b"~=^x`, `labels.c`.
 *
 * Terms: a *selector* is a field's path with an operator (`==`, `!=`, `~=`) and a value, or the path alone,
 * which asks whether the field is there; a *filter* is selectors with commas between them, all of which must
 * hold. Of several filters one must hold, and no filter lets everything through.
 *
 * This room knows no record: what a path means is its caller's to say ({@link FieldOf}).
 */
export { type FieldOf, type Filter, FilterError, fieldOfLabels, parseFilters } from "./filters.ts";
