import { getNodeCatalogue, listModels, modelKindSchema } from '@studio/contracts';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openScriptedEngine, starterModel } from '../../../test/scripted-engine.ts';
import { startTestStudio, type TestStudio } from '../../../test/studio.ts';
import { forgetGoneEngines } from './service.ts';

let studio: TestStudio;
let token: string;
beforeAll(async () => {
  studio = await startTestStudio();
  token = (await studio.registerOwner()).accessToken;
});
afterAll(() => studio?.stop());

const names = async () => (await studio.call(listModels, { token })).items.map(({ name }) => name).sort();

test('without an engine there is nothing to offer', async () => {
  expect(await studio.call(getNodeCatalogue, { token })).toEqual({});
  expect(await names()).toEqual([]);
});

test('an engine that registers again keeps its id and replaces what it had', async () => {
  const first = await openScriptedEngine(studio, { models: [starterModel, { ...starterModel, name: 'old' }] });
  const [before] = (await studio.call(listModels, { token })).items.filter(({ name }) => name === starterModel.name);
  const second = await openScriptedEngine(studio, { models: [{ ...starterModel, title: 'Renamed' }] });
  expect(second.engineId).toBe(first.engineId);
  const { items } = await studio.call(listModels, { token });
  expect(items).toMatchObject([{ id: before?.id, name: starterModel.name, title: 'Renamed' }]);
});

test('a model that two engines have is one model, also when one names it twice', async () => {
  await openScriptedEngine(studio, { name: 'a', models: [starterModel, starterModel] });
  await openScriptedEngine(studio, { name: 'b', models: [starterModel, { ...starterModel, name: 'other' }] });
  expect(await names()).toEqual(['other', starterModel.name]);
});

test('more models than one statement takes are all entered', async () => {
  const models = Array.from({ length: 1_001 }, (_, i) => ({
    ...starterModel,
    kind: 'lora' as const,
    name: `lora-${i}`,
  }));
  await openScriptedEngine(studio, { name: 'rich', models });
  const { rows } = await studio.deps.db.tx('system', (tx) =>
    sql<{ count: number }>`select count(*)::int as count from model where kind = 'lora'`.execute(tx),
  );
  expect(rows).toEqual([{ count: 1_001 }]);
});

test('a model of every kind is entered, and one name may be of two kinds', async () => {
  const models = modelKindSchema.options.map((kind) => ({ ...starterModel, kind, name: 'same' }));
  await openScriptedEngine(studio, { name: 'kinds', models });
  for (const kind of modelKindSchema.options) {
    const { items } = await studio.call(listModels, { token, query: { kind } });
    expect(items.filter(({ name }) => name === 'same').map((model) => model.kind)).toEqual([kind]);
  }
});

test('the nodes are those of the connected engines', async () => {
  const catalogue = await studio.call(getNodeCatalogue, { token });
  expect(Object.keys(catalogue)).toContain('KSampler');
});

test('an engine gone for a day is forgotten with what only it had', async () => {
  await studio.deps.db.tx('system', (tx) =>
    sql`update engine set last_seen_at = now() - interval '25 hours' where name in ('b', 'rich', 'kinds')`.execute(tx),
  );
  await forgetGoneEngines(studio.deps);
  const { rows } = await studio.deps.db.tx('system', (tx) => sql<{ name: string }>`select name from model`.execute(tx));
  expect(rows).toEqual([{ name: starterModel.name }]);
});
