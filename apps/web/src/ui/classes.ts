/** Joins class names and drops the absent ones, so that a condition can stand in the list. */
export const classes = (...names: (string | false | null | undefined)[]): string => names.filter(Boolean).join(' ');
