import { create } from 'zustand';

const prefix = '/pictures/';

interface Visit {
  /** Whether the open picture was reached from the studio, so that closing it is one step back. */
  readonly isFromStudio: boolean;
  /** Where the focus goes when the picture closes. */
  readonly returnTo: 'tile' | 'prompt';
}

export const useVisit = create<Visit>(() => ({ isFromStudio: false, returnTo: 'tile' }));

export const pathOfPicture = (assetId: string): string => `${prefix}${assetId}`;

export const readPictureId = (pathname: string): string | null =>
  pathname.startsWith(prefix) ? decodeURIComponent(pathname.slice(prefix.length)) : null;

/** The address changes without a round trip to the server: the picture is already in the page. */
export const openPicture = (assetId: string) => {
  useVisit.setState({ isFromStudio: true, returnTo: 'tile' });
  window.history.pushState(null, '', pathOfPicture(assetId));
};

/** Walking along the gallery leaves one step in the history, so that Back always leads to the studio. */
export const replacePicture = (assetId: string) => window.history.replaceState(null, '', pathOfPicture(assetId));

export const closePicture = (returnTo: Visit['returnTo'] = 'tile') => {
  const { isFromStudio } = useVisit.getState();
  useVisit.setState({ isFromStudio: false, returnTo });
  if (isFromStudio) window.history.back();
  else window.history.replaceState(null, '', '/');
};
