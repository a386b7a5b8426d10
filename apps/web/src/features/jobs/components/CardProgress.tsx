import { classes } from '../../../ui/classes.ts';

interface CardProgressProps {
  label: string;
  fraction: number | null;
  isActive: boolean;
}

/** A hair line; it breathes while nothing can be measured and keeps its place when all is done. */
export const CardProgress = ({ label, fraction, isActive }: CardProgressProps) => (
  <div
    role="progressbar"
    aria-hidden={!isActive}
    aria-label={label}
    aria-valuemin={0}
    aria-valuemax={100}
    aria-valuenow={fraction === null ? undefined : Math.round(fraction * 100)}
    className={classes(
      'h-0.5 overflow-hidden rounded-full bg-line transition-opacity duration-300',
      !isActive && 'opacity-0',
    )}
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
