/** What lies over an image: overlay planes (PS3.3 C.9.2), and the shutters of a presentation state. */
import { renderedUrl } from "../lib/display.js";
import { fetched } from "../lib/trouble.js";

/** @typedef {import("../lib/display.js").Frame} Frame */

/** What an overlay marks, and what lies outside of the shutters; 0 is the image. */
export const OVERLAID = 255;
export const SHUTTERED = 128;

/**
 * Returns for every pixel of the image what lies over it, row by row; null if nothing can.
 * @param {Frame} frame
 * @param {string} [state]  presentation state, which says what of the image's own is shown; else all is
 * @returns {Promise<Uint8Array | null>}
 */
export async function overlayMask(frame, state = "") {
  if (!frame.overlays && !state) return null;
  const answer = await fetched(renderedUrl(frame, { mask: true, state }), { headers: { Accept: "image/png" } });
  const picture = await createImageBitmap(await answer.blob());
  const canvas = document.createElement("canvas");
  canvas.width = picture.width;
  canvas.height = picture.height;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(0, 0, picture.width, picture.height);
  return Uint8Array.from({ length: data.length / 4 }, (_, n) => data[4 * n]);
}
