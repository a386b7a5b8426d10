import type { UserId } from '@studio/contracts';
import type { ColumnType } from 'kysely';

declare module '../../platform/db.ts' {
  interface Database {
    user: {
      id: UserId;
      email: string;
      name: string;
      platform_role: 'owner' | 'user';
      created_at: ColumnType<Date, never, never>;
    };
  }
}
