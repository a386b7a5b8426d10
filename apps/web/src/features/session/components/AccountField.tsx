'use client';
import { Eye, EyeOff } from 'lucide-react';
import { type ComponentProps, useId, useState } from 'react';
import { classes } from '../../../ui/classes.ts';

interface AccountFieldProps extends ComponentProps<'input'> {
  label: string;
  hint?: string;
}

const look =
  'h-11 w-full rounded-lg border border-line-strong bg-raised px-3 text-[1rem] transition-colors hover:border-control focus-visible:border-accent-ink focus-visible:outline-1 focus-visible:outline-offset-0';

export const AccountField = ({ label, hint, type, className, ...rest }: AccountFieldProps) => {
  const id = useId();
  const [isShown, setIsShown] = useState(false);
  const isSecret = type === 'password';
  return (
    <div className="flex flex-col gap-1.5">
      <label htmlFor={id} className="font-medium text-ink-2 text-sm">
        {label}
      </label>
      <div className="relative">
        <input
          id={id}
          type={isSecret && isShown ? 'text' : type}
          aria-describedby={hint ? `${id}-hint` : undefined}
          className={classes(look, isSecret && 'pr-12', className)}
          required
          {...rest}
        />
        {isSecret && (
          <button
            type="button"
            aria-label={isShown ? 'Hide password' : 'Show password'}
            aria-pressed={isShown}
            onClick={() => setIsShown(!isShown)}
            className="absolute inset-y-0 right-0 grid w-11 place-items-center rounded-lg text-ink-3 hover:text-ink"
          >
            {isShown ? <EyeOff aria-hidden className="size-4" /> : <Eye aria-hidden className="size-4" />}
          </button>
        )}
      </div>
      {hint && (
        <p id={`${id}-hint`} className="text-ink-3 text-xs">
          {hint}
        </p>
      )}
    </div>
  );
};
