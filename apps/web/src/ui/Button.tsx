import type { ComponentProps } from 'react';
import { classes } from './classes.ts';

const looks = {
  primary: 'bg-accent text-on-accent font-semibold hover:bg-accent-hover disabled:opacity-45',
  outline: 'border border-line-strong bg-raised text-ink font-medium hover:bg-hover disabled:opacity-50',
  quiet: 'text-ink-2 font-medium hover:bg-hover hover:text-ink disabled:opacity-50',
  danger: 'text-danger font-medium hover:bg-danger-soft disabled:opacity-50',
} as const;

const sizes = {
  sm: 'h-7 gap-1.5 rounded-md px-2.5 text-xs touch:h-11',
  md: 'h-9 gap-2 rounded-md px-3 text-sm touch:h-11',
  lg: 'h-11 gap-2 rounded-lg px-4 text-base',
} as const;

interface ButtonProps extends ComponentProps<'button'> {
  look?: keyof typeof looks;
  size?: keyof typeof sizes;
}

export const buttonClasses = (look: keyof typeof looks = 'outline', size: keyof typeof sizes = 'md') =>
  classes(
    'inline-flex shrink-0 select-none items-center justify-center whitespace-nowrap transition-colors',
    looks[look],
    sizes[size],
  );

export const Button = ({ look, size, className, type = 'button', ...rest }: ButtonProps) => (
  <button type={type} className={classes(buttonClasses(look, size), className)} {...rest} />
);
