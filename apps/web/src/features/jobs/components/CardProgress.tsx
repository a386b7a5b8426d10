import { classes } from '../../../ui/classes.ts';

interface CardProgressProps {
  label: string;
  fraction: number | null;
}

/** A hair line under the picture; it breathes while nothing can be measured. */
export const CardProgress = ({ label, fraction }: CardProgressProps) => (
  <div
    role="progressbar"
    aria-label={label}
    aria-valuemin={0}
    aria-valuemax={100}
    aria-valuenow={fraction === null ? undefined : Math.round(fraction * 100)}
    className="h-0.5 overflow-hidden rounded-full bg-line"
  >
    <div
      className={classes(
        'h-full origin-left rounded-full bg-accent transition-transform duration-300 ease-linear',
        fraction === null && 'animate-pulse',
      )}
      style={{ transform: `scaleX(${fraction ?? 0.08})` }}
    />
  </div>
);
