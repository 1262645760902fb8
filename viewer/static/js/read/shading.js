/** The shades that Cornerstone is given: exactly those that the server draws, whatever the header asks for. */
import { startWindow, tableOf } from "../lib/voi.js";
import { SHUTTERED } from "../pixels/overlays.js";

/** @typedef {import("../lib/display.js").Frame} Frame */
/** @typedef {import("../lib/display.js").Shades} Shades */
/** @typedef {import("../lib/voi.js").Voi} Voi */
/** @typedef {import("../pixels/source.js").Pixels} Pixels */
/** @typedef {{mask: Uint8Array, shutter: number}} Laid  what lies over an image; shutter: the shade outside of shutters */
/** @typedef {{voi: Voi | null, negative: boolean, shades?: Shades | null, laid?: Laid | null}} Look  voi null: what the image asks for; shades: of a presentation state */

/** Red, green and blue. */
export const BANDS = 3;
const WHITE = 255;

/**
 * Returns the window that a look comes to for one frame; null for colours.
 * @param {Frame} frame
 * @param {Pixels} pixels
 * @param {Look} look
 * @returns {Voi | null}
 */
export function voiOf(frame, { values }, { voi, shades }) {
  if (!values) return null;
  const chain = shades ?? frame.shades;
  const chosen = voi === "lut" && !chain.voiLut ? null : voi;
  return chosen ?? startWindow({ shades: chain }, { values });
}

/**
 * Paints a frame: one byte for each pixel, or three of a colour image.
 * @param {Frame} frame
 * @param {Pixels} pixels
 * @param {Look} look
 * @param {Uint8Array} target
 */
export function paint(frame, pixels, look, target) {
  if (pixels.values) paintGreys(frame, pixels, look, target);
  else paintColours(pixels, look.negative, target);
  if (look.laid) paintOver(look.laid, target);
}

/**
 * @param {Frame} frame
 * @param {Pixels} pixels
 * @param {Look} look
 * @param {Uint8Array} target
 */
function paintGreys(frame, pixels, look, target) {
  const { low, high } = pixels;
  const values = /** @type {NonNullable<Pixels["values"]>} */ (pixels.values);
  const voi = /** @type {Voi} */ (voiOf(frame, pixels, look));
  const table = tableOf(look.shades ?? frame.shades, voi, { low, high });
  if (look.negative) for (let n = 0; n < table.length; n += 1) table[n] = WHITE - table[n];
  for (let n = 0; n < values.length; n += 1) target[n] = table[values[n] - low];
}

/**
 * @param {Pixels} pixels
 * @param {boolean} negative
 * @param {Uint8Array} target
 */
function paintColours({ image }, negative, target) {
  if (!image) return;
  const flip = negative ? WHITE : 0;
  const source = readColours(image);
  for (let from = 0, to = 0; to < target.length; from += BANDS + 1, to += BANDS) {
    target[to] = source[from] ^ flip;
    target[to + 1] = source[from + 1] ^ flip;
    target[to + 2] = source[from + 2] ^ flip;
  }
}

/**
 * Paints what lies over an image: white where overlays mark, the shutter's shade outside of it.
 * @param {Laid} laid
 * @param {Uint8Array} target
 */
function paintOver({ mask, shutter }, target) {
  const bands = target.length / mask.length;
  for (let n = 0; n < mask.length; n += 1) {
    if (mask[n]) target.fill(mask[n] === SHUTTERED ? shutter : WHITE, n * bands, (n + 1) * bands);
  }
}

/** @param {ImageBitmap} image */
function readColours(image) {
  const canvas = document.createElement("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, image.width, image.height).data;
}
