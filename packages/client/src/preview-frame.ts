import type { PreviewHeader } from '@studio/contracts';

export interface PreviewFrame {
  readonly header: PreviewHeader;
  readonly image: Blob;
}

/**
 * u32 big-endian header length, header JSON, image bytes.
 * @throws {RangeError | SyntaxError} the frame is cut short or its header is not JSON.
 */
export const decodePreviewFrame = (frame: ArrayBuffer): PreviewFrame => {
  const headerBytes = new DataView(frame).getUint32(0);
  const header: PreviewHeader = JSON.parse(new TextDecoder().decode(new Uint8Array(frame, 4, headerBytes)));
  return { header, image: new Blob([new Uint8Array(frame, 4 + headerBytes)], { type: header.contentType }) };
};
