'use client';
import type { User } from '@studio/contracts';
import { Keyboard, LogOut } from 'lucide-react';
import { useState } from 'react';
import { toast } from 'sonner';
import { signOut } from '../../session/client.ts';
import { showShortcuts } from './ShortcutSheet.tsx';
import { ThemeChoice } from './ThemeChoice.tsx';

const menuId = 'user-menu';

const initialsOf = (name: string): string =>
  name
    .split(/\s+/)
    .slice(0, 2)
    .map((word) => word.charAt(0).toUpperCase())
    .join('');

const itemClasses =
  'flex h-8 w-full items-center gap-2.5 rounded-md px-2 text-left text-ink-2 text-sm transition-colors hover:bg-hover hover:text-ink touch:h-11';

const leave = () =>
  signOut().catch(() => toast.error('The studio cannot be reached, so you are still signed in; try again.'));

const MenuBody = ({ user }: { user: User }) => (
  <>
    <div className="px-2 py-1.5">
      <p className="truncate font-medium">{user.name}</p>
      <p className="truncate text-ink-3 text-xs">{user.email}</p>
    </div>
    <ThemeChoice />
    <div className="mt-1">
      <button
        type="button"
        className={itemClasses}
        popoverTarget={menuId}
        popoverTargetAction="hide"
        onClick={showShortcuts}
      >
        <Keyboard aria-hidden className="size-4" />
        Keyboard shortcuts
      </button>
      <button type="button" className={itemClasses} onClick={leave}>
        <LogOut aria-hidden className="size-4" />
        Sign out
      </button>
    </div>
  </>
);

/** The platform's popover: it closes on Escape and on a click elsewhere. */
export const UserMenu = ({ user }: { user: User }) => {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        aria-expanded={isOpen}
        popoverTarget={menuId}
        className="grid size-8 place-items-center rounded-full touch:-mr-1.5 touch:size-11"
      >
        <span className="grid size-8 place-items-center rounded-full bg-accent-soft font-semibold text-2xs text-accent-ink">
          {initialsOf(user.name)}
        </span>
        <span className="sr-only">Account and theme</span>
      </button>
      <div
        id={menuId}
        popover="auto"
        onToggle={(event) => setIsOpen(event.newState === 'open')}
        className="fixed inset-auto top-header right-3 m-0 mt-1 w-64 rounded-lg border border-line bg-panel p-1.5 text-ink shadow-float open:animate-rise"
      >
        {isOpen && <MenuBody user={user} />}
      </div>
    </>
  );
};
