import { ChevronDown } from 'lucide-react';
import type { ComponentProps } from 'react';
import { classes } from './classes.ts';
import { inputClasses } from './Field.tsx';

interface Option {
  readonly value: string;
  readonly label: string;
  readonly isDisabled?: boolean;
}

interface SelectProps extends ComponentProps<'select'> {
  options?: readonly Option[];
  /** Options under headings, after those without. */
  groups?: readonly { readonly label: string; readonly options: readonly Option[] }[];
}

const Options = ({ options }: { options: readonly Option[] }) =>
  options.map(({ value, label, isDisabled }) => (
    <option key={value} value={value} disabled={isDisabled} className="bg-raised text-ink">
      {label}
    </option>
  ));

/** The platform's own list: it is right for keyboards, screen readers and thumbs. */
export const Select = ({ options = [], groups = [], className, ...rest }: SelectProps) => (
  <div className="relative min-w-0">
    <select className={classes(inputClasses, 'appearance-none truncate pr-7', className)} {...rest}>
      <Options options={options} />
      {groups.map((group) => (
        <optgroup key={group.label} label={group.label} className="bg-raised text-ink-2">
          <Options options={group.options} />
        </optgroup>
      ))}
    </select>
    <ChevronDown
      aria-hidden
      className="-translate-y-1/2 pointer-events-none absolute top-1/2 right-2 size-3.5 text-ink-3"
    />
  </div>
);
