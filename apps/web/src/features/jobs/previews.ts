type Listener = (frame: ImageBitmap) => void;

const listeners = new Map<string, Listener>();

/** Frames stay out of React: the canvases of a card take them as they come, four times a second. */
export const showPreview = async (jobId: string, image: Blob) => {
  if (!listeners.has(jobId)) return;
  const frame = await createImageBitmap(image).catch(() => null);
  if (frame === null) return;
  listeners.get(jobId)?.(frame);
  frame.close();
};

export const followPreview = (jobId: string, listener: Listener): (() => void) => {
  listeners.set(jobId, listener);
  return () => {
    if (listeners.get(jobId) === listener) listeners.delete(jobId);
  };
};
