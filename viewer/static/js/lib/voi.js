/**
 * From stored values to shades of grey, as the server draws them (PS3.4 N.2): modality, value of interest,
 * inversion. Every step equals the server's, so that a preview and the lossless frame look alike.
 */
import { automaticWindow } from "./automatic.js";
import { lookedUp, modalityValue, tableFrom } from "./modality.js";

export { modalityValue };

/** @typedef {import("./display.js").Shades} Shades */
/** @typedef {import("./display.js").Window} Window */
/** @typedef {import("./display.js").Lut} Lut */
/** @typedef {import("./display.js").Frame} Frame */
/** @typedef {Window | "lut"} Voi  "lut": the header's VOI LUT */
/** @typedef {{low: number, high: number}} Range  of stored values */
/** @typedef {import("./modality.js").Table} Table */

const WHITE = 255;
const EXPONENT_LIMIT = 700;

/** Windows for CT, by the digit of their key; the first five are those of other viewers. */
export const PRESETS = [
  { key: "1", name: "soft", center: 40, width: 400 },
  { key: "2", name: "lung", center: -600, width: 1500 },
  { key: "3", name: "liver", center: 90, width: 150 },
  { key: "4", name: "bone", center: 480, width: 2500 },
  { key: "5", name: "brain", center: 40, width: 80 },
  { key: "6", name: "mediastinum", center: 50, width: 350 },
  { key: "7", name: "angio", center: 300, width: 600 },
  { key: "8", name: "stroke", center: 35, width: 40 },
];

/**
 * Returns what is shown when nobody chose.
 * @param {Pick<Frame, "shades">} frame
 * @param {{values: ArrayLike<number>}} pixels
 * @returns {Voi}
 */
export function startWindow({ shades }, pixels) {
  if (shades.window) return shades.window;
  return shades.voiLut ? "lut" : automaticWindow(pixels.values, shades);
}

/**
 * Returns the shade of every stored value from `low` to `high`: that of v stands at v - low.
 * @param {Shades} shades
 * @param {Voi} voi
 * @param {Range} range
 * @returns {Uint8Array}
 */
export function tableOf(shades, voi, { low, high }) {
  const table = new Uint8Array(high - low + 1);
  const shade = voi === "lut" ? byTable(tableFrom(/** @type {Lut} */ (shades.voiLut))) : windowed(voi);
  const presented = shades.presentationLut ? throughTable(tableFrom(shades.presentationLut)) : null;
  const flip = shades.inverted ? WHITE : 0;
  for (let stored = low; stored <= high; stored += 1) {
    const white = shade(modalityValue(shades, stored));
    table[stored - low] = Math.floor((presented ? presented(white) : white) + 0.5) ^ flip;
  }
  return table;
}

/**
 * @param {Table} table
 * @returns {(value: number) => number}
 */
function byTable(table) {
  const scale = WHITE / (2 ** table.bits - 1);
  return (value) => lookedUp(table, value) * scale;
}

/**
 * Returns P-Values for values of interest from 0 to 255, which span the table (PS3.3 C.11.4).
 * @param {Table} table
 * @returns {(white: number) => number}
 */
function throughTable(table) {
  const scale = WHITE / (2 ** table.bits - 1);
  const last = table.values.length - 1;
  return (white) => lookedUp(table, Math.floor((white * last) / WHITE + table.first + 0.5)) * scale;
}

/**
 * Returns the window function (PS3.3 C.11.2.1.2 and C.11.2.1.3), from 0 to 255.
 * @param {Window} window
 * @returns {(value: number) => number}
 */
function windowed({ center, width, function: kind }) {
  if (kind === "SIGMOID") {
    return (value) => WHITE / (1 + Math.exp(Math.min((-4 * (value - center)) / width, EXPONENT_LIMIT)));
  }
  if (kind === "LINEAR_EXACT") return (value) => clipped(((value - center) / width + 0.5) * WHITE);
  // The formula would divide by zero; the standard's limits make it a step.
  if (width === 1) return (value) => (value > center - 0.5 ? WHITE : 0);
  return (value) => clipped(((value - (center - 0.5)) / (width - 1) + 0.5) * WHITE);
}

/** @param {number} white */
function clipped(white) {
  return white > WHITE ? WHITE : white > 0 ? white : 0;
}
