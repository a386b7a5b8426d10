'use client';
import { type RefObject, useEffect } from 'react';
import { followPreview } from '../previews.ts';

const draw = (canvas: HTMLCanvasElement, frame: ImageBitmap) => {
  if (canvas.width !== frame.width || canvas.height !== frame.height) {
    canvas.width = frame.width;
    canvas.height = frame.height;
  }
  canvas.getContext('2d')?.drawImage(frame, 0, 0);
  canvas.dataset.frames = String(Number(canvas.dataset.frames ?? 0) + 1);
};

/** Draws each frame over the last one, so that nothing ever flickers; the canvas keeps it until the picture is in. */
export const usePreview = (jobId: string | undefined, canvas: RefObject<HTMLCanvasElement | null>) => {
  useEffect(() => {
    if (!jobId) return;
    return followPreview(jobId, (frame) => canvas.current && draw(canvas.current, frame));
  }, [jobId, canvas]);
};
