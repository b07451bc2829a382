/**
 * Filters in containerd's syntax (pkg/filters), with which clients select records: `name==a`,
 * `labels."a.b"~=^x`, `labels.c`.
 *
 * Terms: a *selector* is a field's path with an operator (`==`, `!=`, `~=`) and a value, or the path alone,
 * which tests whether the field is present; a *filter* is a comma-separated list of selectors, all of which
 * must match. Of several filters, one must match; without filters, everything matches.
 *
 * This room does not know records: the caller defines the meaning of paths ({@link FieldOf}).
 */
export { type FieldOf, type Filter, FilterError, fieldOfLabels, parseFilters } from "./filters.ts";
