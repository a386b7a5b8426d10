import { ChevronDown } from 'lucide-react';
import type { ComponentProps } from 'react';
import { classes } from './classes.ts';
import { inputClasses } from './Field.tsx';

interface SelectProps extends ComponentProps<'select'> {
  options: readonly { readonly value: string; readonly label: string; readonly isDisabled?: boolean }[];
}

/** The platform's own list: it is right for keyboards, screen readers and thumbs. */
export const Select = ({ options, className, ...rest }: SelectProps) => (
  <div className="relative min-w-0">
    <select className={classes(inputClasses, 'appearance-none truncate pr-7', className)} {...rest}>
      {options.map(({ value, label, isDisabled }) => (
        <option key={value} value={value} disabled={isDisabled} className="bg-raised text-ink">
          {label}
        </option>
      ))}
    </select>
    <ChevronDown
      aria-hidden
      className="-translate-y-1/2 pointer-events-none absolute top-1/2 right-2 size-3.5 text-ink-3"
    />
  </div>
);
