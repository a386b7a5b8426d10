import type { EngineId, EngineModel, ModelId, NodeCatalogue } from '@studio/contracts';
import { type Insertable, type Selectable, sql } from 'kysely';
import type { Database, Tx } from '../../platform/db.ts';
import './tables.ts';

export type ModelRow = Selectable<Database['model']>;

/**
 * How long an engine that has fallen silent still counts for what can be asked for: its models stay on offer while it
 * restarts, and jobs wait for it.
 */
const isKnown = sql<boolean>`engine.last_seen_at > now() - interval '10 minutes'`;
/** Twice the longest pause between two calls of a healthy engine, which is a long poll of 25 s. */
const isConnected = sql<boolean>`engine.last_seen_at > now() - interval '50 seconds'`;

export const insertCatalogue = async (tx: Tx, sha256: string, catalogue: NodeCatalogue): Promise<void> => {
  await tx
    .insertInto('node_catalogue')
    .values({ sha256, catalogue: JSON.stringify(catalogue) })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
};

/** Registering again under one name keeps the id and replaces the rest. */
export const upsertEngine = async (tx: Tx, engine: Insertable<Database['engine']>): Promise<EngineId> => {
  const { id, name, ...rest } = engine;
  const row = await tx
    .insertInto('engine')
    .values(engine)
    .onConflict((conflict) =>
      conflict.column('name').doUpdateSet({ ...rest, registered_at: sql`now()`, last_seen_at: sql`now()` }),
    )
    .returning('id')
    .executeTakeFirstOrThrow();
  return row.id;
};

/** A statement takes at most 65,535 parameters, and a model has twelve. */
const modelsPerStatement = 1_000;

const chunks = <T>(items: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(items.length / modelsPerStatement) }, (_, i) =>
    items.slice(i * modelsPerStatement, (i + 1) * modelsPerStatement),
  );

/** Enters the models an engine has, keeping the ids of those already known by (kind, name). */
export const upsertModels = async (tx: Tx, models: readonly Insertable<Database['model']>[]): Promise<ModelRow[]> => {
  const rows: ModelRow[] = [];
  for (const chunk of chunks(models)) {
    rows.push(
      ...(await tx
        .insertInto('model')
        .values(chunk)
        .onConflict((conflict) =>
          conflict.columns(['team_id', 'kind', 'name']).doUpdateSet((eb) => ({
            title: eb.ref('excluded.title'),
            family: eb.ref('excluded.family'),
            sha256: eb.ref('excluded.sha256'),
            size_bytes: eb.ref('excluded.size_bytes'),
            license: eb.ref('excluded.license'),
            defaults: eb.ref('excluded.defaults'),
            problem: eb.ref('excluded.problem'),
          })),
        )
        .returningAll()
        .execute()),
    );
  }
  return rows;
};

export const replaceInventory = async (tx: Tx, engineId: EngineId, models: readonly ModelRow[]): Promise<void> => {
  await tx.deleteFrom('engine_model').where('engine_id', '=', engineId).execute();
  for (const chunk of chunks(models)) {
    const rows = chunk.map(({ id, kind, name }) => ({ engine_id: engineId, kind, name, model_id: id }));
    await tx.insertInto('engine_model').values(rows).execute();
  }
};

/** False when there is no such engine. Writes at most every ten seconds. */
export const touchEngine = async (tx: Tx, id: EngineId): Promise<boolean> => {
  const { rows } = await sql<{ is_registered: boolean }>`
    with touched as (
      update engine set last_seen_at = now() where id = ${id} and last_seen_at < now() - interval '10 seconds'
    )
    select exists (select from engine where id = ${id}) as is_registered`.execute(tx);
  return rows[0]?.is_registered ?? false;
};

/** Hashes of the catalogues of all known engines, the newest registration last. */
export const listCatalogueHashes = async (tx: Tx): Promise<{ hashes: string[]; isEngineConnected: boolean }> => {
  const rows = await tx
    .selectFrom('engine')
    .select(['catalogue_sha256', isConnected.as('is_connected')])
    .where(isKnown)
    .orderBy('registered_at')
    .orderBy('id')
    .execute();
  return {
    hashes: [...new Set(rows.map((row) => row.catalogue_sha256))],
    isEngineConnected: rows.some((row) => row.is_connected),
  };
};

export const listCatalogues = (tx: Tx, hashes: readonly string[]) =>
  tx.selectFrom('node_catalogue').select(['sha256', 'catalogue']).where('sha256', 'in', hashes).execute();

/** The model has been seen on some known engine. */
const isOnEngine = sql<boolean>`exists (
  select from engine_model join engine on engine.id = engine_model.engine_id
  where engine_model.model_id = model.id and ${isKnown})`;

export const findModel = async (tx: Tx, kind: EngineModel['kind'], name: string): Promise<ModelRow | null> =>
  (await tx
    .selectFrom('model')
    .selectAll()
    .where('kind', '=', kind)
    .where('name', '=', name)
    .where(isOnEngine)
    .limit(1)
    .executeTakeFirst()) ?? null;

interface ModelFilter {
  readonly kind: EngineModel['kind'] | undefined;
  readonly before: ModelId | undefined;
  readonly limit: number;
}

/** Models that some known engine has, newest first. */
export const listModels = (tx: Tx, { kind, before, limit }: ModelFilter): Promise<ModelRow[]> =>
  tx
    .selectFrom('model')
    .selectAll()
    .where(isOnEngine)
    .$if(kind !== undefined, (query) => query.where('kind', '=', kind ?? 'checkpoint'))
    .$if(before !== undefined, (query) => query.where('id', '<', sql.val(before)))
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();

/** Forgets engines that have been gone for a day, and the models that only they had. */
export const deleteGoneEngines = async (tx: Tx): Promise<void> => {
  await tx.deleteFrom('engine').where('last_seen_at', '<', sql<Date>`now() - interval '1 day'`).execute();
  await sql`
    delete from model where team_id is null
      and not exists (select from engine_model where engine_model.model_id = model.id)`.execute(tx);
  await sql`
    delete from node_catalogue
      where not exists (select from engine where engine.catalogue_sha256 = node_catalogue.sha256)`.execute(tx);
};
