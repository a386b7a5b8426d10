import type { ReactNode } from 'react';

interface FieldProps {
  label: string;
  /** Ties the label to its control. */
  htmlFor: string;
  /** Shown at the right of the label: a value, a hint, a small action. */
  aside?: ReactNode;
  children: ReactNode;
}

export const Field = ({ label, htmlFor, aside, children }: FieldProps) => (
  <div className="flex min-w-0 flex-col gap-1">
    <div className="flex items-center justify-between gap-2">
      <label htmlFor={htmlFor} className="text-ink-2 text-xs">
        {label}
      </label>
      {aside}
    </div>
    {children}
  </div>
);

/** 16 px under a finger: smaller text makes phones zoom into the field. */
export const inputClasses =
  'w-full min-w-0 rounded-md border border-line-strong bg-raised px-2.5 text-ink text-sm transition-colors hover:border-control focus-visible:border-accent-ink focus-visible:outline-1 focus-visible:outline-offset-0 disabled:opacity-50 touch:text-[1rem] h-8 touch:h-11';
