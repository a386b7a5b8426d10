import { classes } from './classes.ts';

export const Spinner = ({ className }: { className?: string }) => (
  <span
    aria-hidden
    className={classes(
      'inline-block size-3.5 animate-spin rounded-full border-2 border-current border-r-transparent',
      className,
    )}
  />
);
