import type { TeamId, UserId } from '@studio/contracts';
import type { ColumnType, Generated } from 'kysely';
import type { Tx } from '../../platform/db.ts';

declare module '../../platform/db.ts' {
  interface Database {
    audit_event: {
      seq: Generated<number>;
      at: ColumnType<Date, never, never>;
      team_id: TeamId | null;
      user_id: UserId | null;
      action: string;
      subject_id: string | null;
      address: string | null;
      details: string;
    };
  }
}

export interface AuditEvent {
  /** `<domain>.<what happened>`, e.g. `auth.login`. */
  readonly action: string;
  readonly teamId: TeamId | null;
  readonly userId: UserId | null;
  readonly subjectId?: string;
  readonly address?: string;
  /** Never holds secrets, prompts or e-mail addresses: the log outlives what it speaks of. */
  readonly details?: Record<string, unknown>;
}

/** Appends in the caller's transaction, so that what is recorded happened and what happened is recorded. */
export const recordAudit = async (tx: Tx, event: AuditEvent): Promise<void> => {
  await tx
    .insertInto('audit_event')
    .values({
      action: event.action,
      team_id: event.teamId,
      user_id: event.userId,
      subject_id: event.subjectId ?? null,
      address: event.address ?? null,
      details: JSON.stringify(event.details ?? {}),
    })
    .execute();
};
