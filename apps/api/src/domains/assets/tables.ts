import type { AssetId, JobId, ResolvedTxt2imgParams, TeamId, UserId } from '@studio/contracts';
import type { ColumnType, Generated } from 'kysely';

declare module '../../platform/db.ts' {
  interface Database {
    asset: {
      id: AssetId;
      team_id: TeamId;
      user_id: UserId;
      job_id: JobId;
      node_id: string;
      position: number;
      blob_key: string;
      content_type: string;
      size_bytes: number;
      sha256: string;
      width: number;
      height: number;
      params: ColumnType<ResolvedTxt2imgParams | null, string | null, never>;
      is_kept: boolean;
      created_at: Generated<Date>;
      deleted_at: ColumnType<Date | null, null, Date | null>;
      purged_at: ColumnType<Date | null, null, Date | null>;
    };
    upload: { blob_key: string; team_id: TeamId; job_id: JobId; attempt: number; created_at: Generated<Date> };
  }
}
