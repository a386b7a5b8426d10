import type * as contracts from '@studio/contracts';
import type { Route } from './route.ts';

/** Each line is checked against its contract by the compiler: a wrong method or path does not build. */
export const register: Route<typeof contracts.register> = {
  id: 'register',
  method: 'POST',
  path: '/api/v1/auth/register',
  auth: 'public',
};

export const login: Route<typeof contracts.login> = {
  id: 'login',
  method: 'POST',
  path: '/api/v1/auth/login',
  auth: 'public',
};

export const refresh: Route<typeof contracts.refresh> = {
  id: 'refresh',
  method: 'POST',
  path: '/api/v1/auth/refresh',
  auth: 'refresh',
};

export const logout: Route<typeof contracts.logout> = {
  id: 'logout',
  method: 'POST',
  path: '/api/v1/auth/logout',
  auth: 'refresh',
};

export const getMe: Route<typeof contracts.getMe> = {
  id: 'getMe',
  method: 'GET',
  path: '/api/v1/users/me',
  auth: 'user',
};

export const getGenerateOptions: Route<typeof contracts.getGenerateOptions> = {
  id: 'getGenerateOptions',
  method: 'GET',
  path: '/api/v1/generate/options',
  auth: 'user',
};

export const generateTxt2img: Route<typeof contracts.generateTxt2img> = {
  id: 'generateTxt2img',
  method: 'POST',
  path: '/api/v1/generate/txt2img',
  auth: 'user',
};

export const createJob: Route<typeof contracts.createJob> = {
  id: 'createJob',
  method: 'POST',
  path: '/api/v1/jobs',
  auth: 'user',
};

export const listJobs: Route<typeof contracts.listJobs> = {
  id: 'listJobs',
  method: 'GET',
  path: '/api/v1/jobs',
  auth: 'user',
};

export const getJob: Route<typeof contracts.getJob> = {
  id: 'getJob',
  method: 'GET',
  path: '/api/v1/jobs/{id}',
  auth: 'user',
};

export const getJobStatus: Route<typeof contracts.getJobStatus> = {
  id: 'getJobStatus',
  method: 'GET',
  path: '/api/v1/jobs/{id}/status',
  auth: 'user',
};

export const cancelJob: Route<typeof contracts.cancelJob> = {
  id: 'cancelJob',
  method: 'DELETE',
  path: '/api/v1/jobs/{id}',
  auth: 'user',
};

export const listAssets: Route<typeof contracts.listAssets> = {
  id: 'listAssets',
  method: 'GET',
  path: '/api/v1/assets',
  auth: 'user',
};

export const getAsset: Route<typeof contracts.getAsset> = {
  id: 'getAsset',
  method: 'GET',
  path: '/api/v1/assets/{id}',
  auth: 'user',
};

export const deleteAsset: Route<typeof contracts.deleteAsset> = {
  id: 'deleteAsset',
  method: 'DELETE',
  path: '/api/v1/assets/{id}',
  auth: 'user',
};

export const restoreAsset: Route<typeof contracts.restoreAsset> = {
  id: 'restoreAsset',
  method: 'POST',
  path: '/api/v1/assets/{id}/restore',
  auth: 'user',
};

export const listModels: Route<typeof contracts.listModels> = {
  id: 'listModels',
  method: 'GET',
  path: '/api/v1/models',
  auth: 'user',
};

export const getNodeCatalogue: Route<typeof contracts.getNodeCatalogue> = {
  id: 'getNodeCatalogue',
  method: 'GET',
  path: '/api/v1/nodes',
  auth: 'user',
};

export const getStudio: Route<typeof contracts.getStudio> = {
  id: 'getStudio',
  method: 'GET',
  path: '/api/v1/studio',
  auth: 'public',
};

export const getHealth: Route<typeof contracts.getHealth> = {
  id: 'getHealth',
  method: 'GET',
  path: '/api/health',
  auth: 'public',
};

export const getReadiness: Route<typeof contracts.getReadiness> = {
  id: 'getReadiness',
  method: 'GET',
  path: '/api/ready',
  auth: 'public',
};
