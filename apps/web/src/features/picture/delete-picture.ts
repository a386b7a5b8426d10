import { routes } from '@studio/client';
import type { Asset } from '@studio/contracts';
import { toast } from 'sonner';
import { hideAsset, showAsset } from '../gallery/queries.ts';
import { forgetAsset } from '../jobs/store.ts';
import { client } from '../session/client.ts';
import { toSentence } from '../session/sentence.ts';

const undoMs = 10_000;

const restorePicture = async (asset: Asset) => {
  showAsset(asset);
  try {
    showAsset(await client.call(routes.restoreAsset, { params: { id: asset.id } }));
  } catch (error) {
    hideAsset(asset.id);
    toast.error(toSentence(error));
  }
};

/** Gone from the page at once; ten seconds to think better of it, and back at once if the server refuses. */
export const deletePicture = async (asset: Asset) => {
  hideAsset(asset.id);
  forgetAsset(asset.id);
  const deletion = client.call(routes.deleteAsset, { params: { id: asset.id } });
  const notice = toast('Picture deleted', {
    duration: undoMs,
    action: { label: 'Undo', onClick: () => void deletion.then(() => restorePicture(asset)).catch(() => null) },
  });
  try {
    await deletion;
  } catch (error) {
    toast.dismiss(notice);
    showAsset(asset);
    toast.error(toSentence(error));
  }
};
