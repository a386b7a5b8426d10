import type { EngineId, EngineModel, ModelDefaults, ModelId, NodeCatalogue, TeamId } from '@studio/contracts';
import type { ColumnType, Generated } from 'kysely';

declare module '../../platform/db.ts' {
  interface Database {
    node_catalogue: {
      sha256: string;
      catalogue: ColumnType<NodeCatalogue, string, never>;
    };
    engine: {
      id: EngineId;
      name: string;
      version: string;
      device: string;
      dtype: string;
      memory_bytes: number;
      queues: string[];
      slots: number;
      catalogue_sha256: string;
      registered_at: Generated<Date>;
      last_seen_at: Generated<Date>;
    };
    model: {
      id: ModelId;
      team_id: TeamId | null;
      kind: EngineModel['kind'];
      name: string;
      title: string;
      family: string | null;
      sha256: string;
      size_bytes: number;
      license: string | null;
      defaults: ColumnType<ModelDefaults | null, string | null, string | null>;
      problem: string | null;
      created_at: ColumnType<Date, never, never>;
    };
    engine_model: { engine_id: EngineId; kind: EngineModel['kind']; name: string; model_id: ModelId };
  }
}
