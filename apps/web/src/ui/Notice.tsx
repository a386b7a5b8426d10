import type { ReactNode } from 'react';
import { classes } from './classes.ts';

interface NoticeProps {
  tone?: 'plain' | 'danger';
  icon?: ReactNode;
  action?: ReactNode;
  children: ReactNode;
}

/** One sentence that stays in the page, with what can be done about it. */
export const Notice = ({ tone = 'plain', icon, action, children }: NoticeProps) => (
  <div
    role={tone === 'danger' ? 'alert' : 'status'}
    className={classes(
      'flex animate-appear items-center gap-2.5 rounded-md px-3 py-2 text-sm',
      tone === 'danger' ? 'bg-danger-soft text-danger' : 'border border-line bg-panel text-ink-2',
    )}
  >
    {icon}
    <p className="min-w-0 flex-1">{children}</p>
    {action}
  </div>
);
