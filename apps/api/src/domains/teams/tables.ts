import type { Role, TeamId, UserId } from '@studio/contracts';
import type { ColumnType } from 'kysely';

declare module '../../platform/db.ts' {
  interface Database {
    team: { id: TeamId; name: string; created_at: ColumnType<Date, never, never> };
    team_member: { team_id: TeamId; user_id: UserId; role: Role; created_at: ColumnType<Date, never, never> };
  }
}
