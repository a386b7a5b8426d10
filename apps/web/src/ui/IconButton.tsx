import type { ComponentProps } from 'react';
import { classes } from './classes.ts';

interface IconButtonProps extends ComponentProps<'button'> {
  /** The accessible name, also shown as the tip. */
  label: string;
}

const look =
  'tip inline-grid size-8 shrink-0 place-items-center rounded-md text-ink-2 transition-colors hover:bg-hover hover:text-ink disabled:opacity-40 touch:size-11';

export const IconButton = ({ label, className, type = 'button', ...rest }: IconButtonProps) => (
  <button type={type} aria-label={label} data-tip={label} className={classes(look, className)} {...rest} />
);
