/** The value at a path of a record's fields; undefined where there is none. */
export type FieldOf = (path: readonly string[]) => string | undefined;

/** Whether a record is among those asked for. */
export type Filter = (field: FieldOf) => boolean;
