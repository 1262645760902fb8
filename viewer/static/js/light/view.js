/** How a frame lies in its pane: fitted, zoomed, moved, flipped and turned. Pure arithmetic, in CSS pixels. */

/** @typedef {import("../lib/display.js").Frame} Frame */
/** @typedef {import("../lib/geometry.js").Point} Point */
/** @typedef {import("../lib/geometry.js").Turn} Turn */
/** @typedef {[number, number, number, number, number, number]} Matrix  as canvases take it */
/** @typedef {{width: number, height: number, ratio: number}} Size  ratio: pixels of the screen in one CSS pixel */
/** @typedef {Turn & {zoom: number, x: number, y: number}} View  zoom: 1 fits; x, y: from the middle of the pane */

export const LEAST_ZOOM = 0.2;
export const MOST_ZOOM = 40;
/** What computing with fractions leaves of a scale of one. */
const EXACT = 1e-9;

/** @type {Readonly<View>} */
export const FITTED = Object.freeze({ zoom: 1, x: 0, y: 0, rotation: 0, flipped: false });

/**
 * Returns the CSS pixels that one column of the image takes.
 * @param {Frame} frame
 * @param {View} view
 * @param {Size} pane
 */
export function scaleOf(frame, view, { width, height }) {
  const lying = view.rotation % 180 !== 0;
  const [wide, high] = [frame.columns, frame.rows * frame.aspect];
  return view.zoom * Math.min(width / (lying ? high : wide), height / (lying ? wide : high));
}

/**
 * Returns what leads from image coordinates to the pane.
 * @param {Frame} frame
 * @param {View} view
 * @param {Size} pane
 * @returns {Matrix}
 */
export function matrixOf(frame, view, pane) {
  const scale = scaleOf(frame, view, pane);
  const angle = (view.rotation * Math.PI) / 180;
  const [cos, sin] = [Math.round(Math.cos(angle)) * scale, Math.round(Math.sin(angle)) * scale];
  const side = view.flipped ? -1 : 1;
  const [a, b, c, d] = [cos * side, sin * side, -sin * frame.aspect, cos * frame.aspect];
  const [column, row] = [frame.columns / 2, frame.rows / 2];
  const x = pane.width / 2 + view.x - a * column - c * row;
  const y = pane.height / 2 + view.y - b * column - d * row;
  const { ratio } = pane;
  if (Math.abs(scale * ratio - 1) > EXACT) return [a, b, c, d, x, y];
  // Pixel on pixel, nothing between two of them is shown.
  const onScreen = (/** @type {number} */ each) => Math.round(each * ratio) / ratio;
  return [onScreen(a), onScreen(b), c, d, onScreen(x), onScreen(y)];
}

/**
 * @param {Matrix} matrix
 * @param {Point} point  of the image
 * @returns {Point}
 */
export function toScreen([a, b, c, d, e, f], [column, row]) {
  return [a * column + c * row + e, b * column + d * row + f];
}

/**
 * @param {Matrix} matrix
 * @param {Point} point  of the pane
 * @returns {Point}
 */
export function toImage([a, b, c, d, e, f], [x, y]) {
  const whole = a * d - b * c;
  return [(d * (x - e) - c * (y - f)) / whole, (a * (y - f) - b * (x - e)) / whole];
}

/**
 * Zooms while one point of the pane, given from its middle, stays where it is.
 * @param {View} view
 * @param {number} factor
 * @param {Point} [at]
 * @returns {View}
 */
export function zoomed(view, factor, [x, y] = [0, 0]) {
  const zoom = Math.min(Math.max(view.zoom * factor, LEAST_ZOOM), MOST_ZOOM);
  const change = zoom / view.zoom;
  return { ...view, zoom, x: x - (x - view.x) * change, y: y - (y - view.y) * change };
}

/**
 * Turns the picture on the screen by quarters, clockwise.
 * @param {View} view
 * @param {number} quarters
 * @returns {View}
 */
export function turned(view, quarters) {
  const rotation = /** @type {Turn["rotation"]} */ ((view.rotation + quarters * 90 + 360) % 360);
  const [x, y] = quarters === 1 ? [-view.y, view.x] : quarters === -1 ? [view.y, -view.x] : [-view.x, -view.y];
  return { ...view, rotation, x, y };
}

/**
 * Mirrors the picture on the screen, left to right or top to bottom. The image is flipped before it is rotated, so
 * a mirror on the screen also turns the rotation around.
 * @param {View} view
 * @param {boolean} upsideDown
 * @returns {View}
 */
export function mirrored(view, upsideDown) {
  const rotation = /** @type {Turn["rotation"]} */ (((upsideDown ? 540 : 360) - view.rotation) % 360);
  const [x, y] = upsideDown ? [view.x, -view.y] : [-view.x, view.y];
  return { ...view, rotation, flipped: !view.flipped, x, y };
}
