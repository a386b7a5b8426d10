import { createHash } from 'node:crypto';
import type {
  EndpointInput,
  EndpointResponse,
  EngineId,
  EngineModel,
  listModels as listModelsEndpoint,
  NodeCatalogue,
  registerEngine as registerEngineEndpoint,
} from '@studio/contracts';
import { modelIdSchema } from '@studio/contracts';
import type { Deps } from '../../deps.ts';
import type { Actor } from '../../platform/actor.ts';
import { newId } from '../../platform/ids.ts';
import { readCursor, toPage } from '../../platform/paging.ts';
import { getKnownNodes } from './catalogue.ts';
import { presentModel } from './present.ts';
import {
  deleteGoneEngines,
  insertCatalogue,
  listModels as listModelRows,
  replaceInventory,
  upsertEngine,
  upsertModels,
} from './queries.ts';

type Registration = Omit<EndpointInput<typeof registerEngineEndpoint>['body'], 'heldJobs'>;

/** Sorted, because two engines that enter the same models in different order would lock rows crosswise. */
const distinctModels = (models: readonly EngineModel[]): EngineModel[] => {
  const byKey = new Map(models.map((model) => [`${model.kind}/${model.name}`, model]));
  return [...byKey.keys()].sort().flatMap((key) => byKey.get(key) ?? []);
};

/** Enters an engine with its nodes and models. Repeating it replaces what was known under that name. */
export const registerEngine = (deps: Pick<Deps, 'db'>, registration: Registration): Promise<EngineId> => {
  const { nodeCatalogue, models, memoryBytes, ...engine } = registration;
  const sha256 = createHash('sha256').update(JSON.stringify(nodeCatalogue)).digest('hex');
  return deps.db.tx('system', async (tx) => {
    await insertCatalogue(tx, sha256, nodeCatalogue);
    const id = await upsertEngine(tx, {
      ...engine,
      id: newId('eng'),
      memory_bytes: memoryBytes,
      catalogue_sha256: sha256,
    });
    const rows = await upsertModels(
      tx,
      distinctModels(models).map(({ sizeBytes, defaults, ...model }) => ({
        ...model,
        id: newId('mdl'),
        team_id: null,
        size_bytes: sizeBytes,
        defaults: defaults && JSON.stringify(defaults),
      })),
    );
    await replaceInventory(tx, id, rows);
    return id;
  });
};

export const listModels = (
  deps: Pick<Deps, 'db'>,
  actor: Actor,
  { kind, cursor, limit }: EndpointInput<typeof listModelsEndpoint>['query'],
): Promise<EndpointResponse<typeof listModelsEndpoint>> =>
  deps.db.tx({ teamId: actor.teamId }, async (tx) => {
    const before = readCursor(modelIdSchema, cursor);
    const rows = await listModelRows(tx, { kind, before, limit: limit + 1 });
    return toPage(rows.map(presentModel), limit);
  });

export const getNodeCatalogue = (deps: Pick<Deps, 'db'>, actor: Actor): Promise<NodeCatalogue> =>
  deps.db.tx({ teamId: actor.teamId }, async (tx) => (await getKnownNodes(tx)).catalogue);

export const forgetGoneEngines = (deps: Pick<Deps, 'db'>): Promise<void> => deps.db.tx('system', deleteGoneEngines);
