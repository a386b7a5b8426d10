'use client';
import { create } from 'zustand';
import { Dialog } from '../../../ui/Dialog.tsx';
import { Kbd } from '../../../ui/Kbd.tsx';

const useSheet = create<{ readonly isOpen: boolean }>(() => ({ isOpen: false }));

export const showShortcuts = () => useSheet.setState({ isOpen: true });

const hide = () => useSheet.setState({ isOpen: false });

const groups = [
  {
    title: 'Anywhere',
    keys: [
      { keys: ['/'], does: 'Write a prompt' },
      { keys: ['?'], does: 'Show this sheet' },
    ],
  },
  {
    title: 'Prompt',
    keys: [
      { keys: ['Enter'], does: 'Draw' },
      { keys: ['Shift', 'Enter'], does: 'New line' },
    ],
  },
  {
    title: 'Picture',
    keys: [
      { keys: ['←', '→'], does: 'Newer, older picture' },
      { keys: ['R'], does: 'Remix' },
      { keys: ['Delete'], does: 'Delete, with undo' },
      { keys: ['Esc'], does: 'Back to the studio' },
    ],
  },
] as const;

export const ShortcutSheet = () => {
  const isOpen = useSheet((sheet) => sheet.isOpen);
  return (
    <Dialog title="Keyboard shortcuts" isOpen={isOpen} onClose={hide}>
      <div className="flex flex-col gap-5">
        {groups.map((group) => (
          <section key={group.title}>
            <h3 className="mb-1.5 text-ink-3 text-xs">{group.title}</h3>
            <ul className="flex flex-col">
              {group.keys.map(({ keys, does }) => (
                <li key={does} className="flex h-8 items-center justify-between">
                  {does}
                  <span className="flex gap-1">
                    {keys.map((key) => (
                      <Kbd key={key}>{key}</Kbd>
                    ))}
                  </span>
                </li>
              ))}
            </ul>
          </section>
        ))}
      </div>
    </Dialog>
  );
};
