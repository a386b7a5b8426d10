import type { SessionId, TeamId, UserId } from '@studio/contracts';
import type { ColumnType, Generated } from 'kysely';

type CreatedAt = ColumnType<Date, never, never>;

declare module '../../platform/db.ts' {
  interface Database {
    credential: { user_id: UserId; password_hash: string; updated_at: Generated<Date> };
    session: {
      id: SessionId;
      user_id: UserId;
      team_id: TeamId;
      user_agent: string;
      address: string;
      created_at: CreatedAt;
      expires_at: Date;
      revoked_at: Date | null;
      revoke_reason: string | null;
    };
    refresh_token: {
      hash: Buffer;
      session_id: SessionId;
      parent: Buffer | null;
      created_at: CreatedAt;
      used_at: Date | null;
    };
    signing_key: {
      kid: string;
      state: 'next' | 'active' | 'retired';
      public_jwk: string;
      private_key: Buffer;
      created_at: CreatedAt;
      changed_at: Generated<Date>;
    };
  }
}
