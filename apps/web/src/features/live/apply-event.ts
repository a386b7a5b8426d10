import type { StudioEvent } from '@studio/contracts';
import { hideAsset, showAsset } from '../gallery/queries.ts';
import { forgetAsset, showJob, showPosition, showProgress } from '../jobs/store.ts';

/** One event, to the list or the card that shows the thing it is about. */
export const applyEvent = (event: StudioEvent) => {
  switch (event.type) {
    case 'job.updated':
      return showJob(event.data);
    case 'job.progress':
      return showProgress(event.data);
    case 'job.moved':
      return showPosition(event.data.jobId, event.data.position);
    case 'asset.created':
    case 'asset.restored':
      return showAsset(event.data);
    case 'asset.deleted':
      forgetAsset(event.data.assetId);
      return hideAsset(event.data.assetId);
  }
};
