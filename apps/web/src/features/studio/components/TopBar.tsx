'use client';
import type { User } from '@studio/contracts';
import { EngineStatus } from './EngineStatus.tsx';
import { ProductMark } from './ProductMark.tsx';
import { UserMenu } from './UserMenu.tsx';

export const TopBar = ({ user }: { user: User | null }) => (
  <header className="sticky top-0 z-20 flex h-header items-center gap-4 border-line border-b bg-panel px-3 lg:px-4">
    <ProductMark />
    <span className="flex-1" />
    <EngineStatus />
    {user && <UserMenu user={user} />}
  </header>
);
