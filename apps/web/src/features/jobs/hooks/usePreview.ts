'use client';
import { type RefObject, useEffect } from 'react';
import type { Size } from '../../composer/aspect.ts';
import { followPreview } from '../previews.ts';

/** A batch lies side by side in one frame; a frame of one picture belongs to the first cell. */
const cellsIn = (frame: ImageBitmap, size: Size, count: number): number => {
  const cells = Math.round(frame.width / frame.height / (size.width / size.height));
  return cells === count ? count : 1;
};

const drawCell = (canvas: HTMLCanvasElement, frame: ImageBitmap, cell: { index: number; of: number }) => {
  const width = Math.floor(frame.width / cell.of);
  if (canvas.width !== width || canvas.height !== frame.height) {
    canvas.width = width;
    canvas.height = frame.height;
  }
  canvas.getContext('2d')?.drawImage(frame, -cell.index * width, 0);
  canvas.dataset.frames = String(Number(canvas.dataset.frames ?? 0) + 1);
};

/** Draws each frame over the last one, so that nothing ever flickers; the canvas keeps it until the picture is in. */
export const usePreview = (
  jobId: string | undefined,
  canvases: RefObject<(HTMLCanvasElement | null)[]>,
  { size, count }: { size: Size; count: number },
) => {
  useEffect(() => {
    if (!jobId) return;
    return followPreview(jobId, (frame) => {
      const cells = cellsIn(frame, size, count);
      for (const [index, canvas] of canvases.current.slice(0, cells).entries()) {
        if (canvas) drawCell(canvas, frame, { index, of: cells });
      }
    });
  }, [jobId, canvases, size, count]);
};
