/** Overlay planes (PS3.3 C.9.2), which viewers show when asked to. */
import { fetched, Trouble } from "../lib/trouble.js";

/** @typedef {import("../lib/display.js").Frame} Frame */

/**
 * Returns 1 for every pixel of the image that an overlay marks, row by row; null if the frame has none.
 * @param {Frame} frame
 * @returns {Promise<Uint8Array | null>}
 */
export async function overlayMask(frame) {
  if (frame.overlays.length === 0) return null;
  const mask = new Uint8Array(frame.rows * frame.columns);
  for (const plane of frame.overlays) {
    const answer = await fetched(`${frame.address}/${plane.address}`, { headers: { Accept: "application/octet-stream" } });
    const bits = new Uint8Array(await answer.arrayBuffer());
    if (bits.length * 8 < plane.rows * plane.columns) throw new Trouble("unreadable");
    mark(mask, frame, plane, bits);
  }
  return mask;
}

/**
 * Marks what lies within the image; a plane may begin outside of it.
 * @param {Uint8Array} mask
 * @param {Frame} frame
 * @param {import("../lib/display.js").Overlay} plane
 * @param {Uint8Array} bits  packed, the first pixel in the lowest bit
 */
function mark(mask, frame, plane, bits) {
  for (let n = 0; n < plane.rows * plane.columns; n += 1) {
    if (!(bits[n >> 3] & (1 << (n & 7)))) continue;
    const row = Math.floor(n / plane.columns) + plane.row - 1;
    const column = (n % plane.columns) + plane.column - 1;
    if (row >= 0 && row < frame.rows && column >= 0 && column < frame.columns) mask[row * frame.columns + column] = 1;
  }
}
