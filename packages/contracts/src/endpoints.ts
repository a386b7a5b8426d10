import { deleteAsset, getAsset, listAssets, restoreAsset } from './assets.ts';
import { login, logout, refresh, register } from './auth.ts';
import type { Endpoint } from './endpoint.ts';
import { streamEvents } from './events.ts';
import { generateTxt2img, getGenerateOptions } from './generate.ts';
import { cancelJob, createJob, getJob, getJobStatus, listJobs, streamJobEvents } from './jobs.ts';
import { claimLeases, finalizeJob, registerEngine, reportProgress, requestUploads } from './lease.ts';
import { listModels } from './models.ts';
import { getNodeCatalogue } from './nodes.ts';
import { getHealth, getReadiness, getStudio } from './studio.ts';
import { getMe } from './users.ts';

/** Every operation of the HTTP API, in the order in which the docs show them. */
export const endpoints: readonly Endpoint[] = [
  register,
  login,
  refresh,
  logout,
  getMe,
  getGenerateOptions,
  generateTxt2img,
  createJob,
  listJobs,
  getJob,
  getJobStatus,
  cancelJob,
  streamJobEvents,
  streamEvents,
  listAssets,
  getAsset,
  deleteAsset,
  restoreAsset,
  listModels,
  getNodeCatalogue,
  getStudio,
  getHealth,
  getReadiness,
  registerEngine,
  claimLeases,
  reportProgress,
  requestUploads,
  finalizeJob,
];
