import { ApiError, NetworkError, routes } from '@studio/client';
import type { Job } from '@studio/contracts';
import type { Size } from '../composer/aspect.ts';
import type { Txt2imgRequest } from '../composer/draft.ts';
import { setRefusal } from '../composer/store.ts';
import { client } from '../session/client.ts';
import { toSentence } from '../session/sentence.ts';
import { newKey } from './key.ts';
import { answerCard, dropCard, editCard, findCard, openCard, showJob } from './store.ts';

const retryMs = 1_500;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** What would help, if waiting does: the same wish is then sent again under the same key. */
const reasonToWait = (error: unknown): 'connection' | 'engine' | null => {
  if (error instanceof NetworkError) return 'connection';
  if (error instanceof ApiError && error.code === 'generate.no_engine') return 'engine';
  if (error instanceof ApiError && error.code === 'server.unavailable') return 'connection';
  return null;
};

/** Null: the card was dismissed while it waited. */
const sendUntilAnswered = async (key: string, request: Txt2imgRequest): Promise<Job | null> => {
  while (findCard(key)) {
    try {
      return await client.call(routes.generateTxt2img, { body: request, idempotencyKey: key });
    } catch (error) {
      const waitsFor = reasonToWait(error);
      if (waitsFor === null) throw error;
      editCard(key, { waitsFor });
      await pause(retryMs);
    }
  }
  return null;
};

const cancelJob = async (jobId: string) => {
  try {
    showJob(await client.call(routes.cancelJob, { params: { id: jobId } }));
  } catch (error) {
    if (!(error instanceof ApiError && error.code === 'job.finished')) throw error;
  }
};

/** The card is there before the request leaves; a refusal takes it away again and says why. */
export const submitJob = async (request: Txt2imgRequest, size: Size) => {
  const key = newKey();
  setRefusal(null);
  openCard({ key, request, size, count: request.count ?? 1, job: null, waitsFor: null, isCancelAsked: false });
  try {
    const job = await sendUntilAnswered(key, request);
    if (job === null) return;
    answerCard(key, job);
    if (findCard(key)?.isCancelAsked) await cancelJob(job.id);
  } catch (error) {
    dropCard(key);
    setRefusal(toSentence(error));
  }
};

/** A wish that has not been answered is cancelled as soon as it is; one that still waits is just dropped. */
export const cancelCard = async (key: string) => {
  const card = findCard(key);
  if (!card) return;
  if (card.job === null && card.waitsFor !== null) return dropCard(key);
  editCard(key, { isCancelAsked: true });
  if (card.job === null) return;
  try {
    await cancelJob(card.job.id);
  } catch (error) {
    editCard(key, { isCancelAsked: false });
    setRefusal(toSentence(error));
  }
};
