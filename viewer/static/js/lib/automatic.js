/**
 * The window of an image that has none, as the server chooses it: from the smallest to the largest value, without
 * padding, and without a few lone values far from all others (one pixel of metal must not darken the anatomy).
 */
import { modalityValue } from "./modality.js";

/** @typedef {import("./display.js").Shades} Shades */
/** @typedef {import("./display.js").Window} Window */

/** Values are lone when they are fewer than one in so many at their end of the range, ... */
const LONE_SHARE = 2000;
/** ... and farther from the others than so many times the range of those. */
const LONE_DISTANCE = 8;
const FEWEST_LEVELS = 16;
const SAMPLES = 64 * 1024;

/**
 * @param {ArrayLike<number>} values  stored
 * @param {Shades} shades
 * @returns {Window}
 */
export function automaticWindow(values, shades) {
  let [low, high] = shownRange(values, shades, shades.padding);
  // One value on padding, as label maps have: the two must differ.
  if (low === high) [low, high] = shownRange(values, shades, null);
  if (low === high) return { center: low + 0.5, width: 1, function: "LINEAR" };
  return { center: (low + high) / 2, width: high - low, function: "LINEAR_EXACT" };
}

/**
 * @param {ArrayLike<number>} values
 * @param {Shades} shades
 * @param {[number, number] | null} padding
 * @returns {[number, number]}
 */
function shownRange(values, shades, padding) {
  const shown = counted(values, padding);
  if (shown.count === 0) return [0, 0];
  const decisive = shades.modalityLut ? shown.levels : [shown.levels[0], shown.levels[shown.levels.length - 1]];
  const modality = decisive.map((value) => modalityValue(shades, value));
  const extremes = bounds(modality);
  return withoutLoneValues(sampled(values, padding, shown.count, shades), extremes);
}

/**
 * @param {number[]} numbers
 * @returns {[number, number]}
 */
function bounds(numbers) {
  let low = Infinity;
  let high = -Infinity;
  for (const number of numbers) {
    if (number < low) low = number;
    if (number > high) high = number;
  }
  return [low, high];
}

/**
 * Returns how many values are no padding, and which there are, in ascending order.
 * @param {ArrayLike<number>} values
 * @param {[number, number] | null} padding
 */
function counted(values, padding) {
  const seen = new Uint8Array(1 << 17);
  let count = 0;
  for (let n = 0; n < values.length; n += 1) {
    const value = values[n];
    if (padding && value >= padding[0] && value <= padding[1]) continue;
    seen[value + 65536] = 1;
    count += 1;
  }
  const levels = [];
  for (let place = 0; place < seen.length; place += 1) if (seen[place]) levels.push(place - 65536);
  return { count, levels };
}

/**
 * Returns modality values of evenly chosen pixels in ascending order.
 * @param {ArrayLike<number>} values
 * @param {[number, number] | null} padding
 * @param {number} count
 * @param {Shades} shades
 */
function sampled(values, padding, count, shades) {
  const step = Math.ceil(count / SAMPLES);
  const sample = new Float64Array(Math.ceil(count / step));
  let place = 0;
  for (let n = 0; n < values.length; n += 1) {
    const value = values[n];
    if (padding && value >= padding[0] && value <= padding[1]) continue;
    if (place % step === 0) sample[place / step] = modalityValue(shades, value);
    place += 1;
  }
  return sample.sort();
}

/**
 * @param {Float64Array} sample  ascending
 * @param {[number, number]} extremes
 * @returns {[number, number]}
 */
function withoutLoneValues(sample, [low, high]) {
  const few = Math.floor(sample.length / LONE_SHARE);
  const others = sample.subarray(few, sample.length - few);
  const reach = LONE_DISTANCE * (others[others.length - 1] - others[0]);
  const lowest = others[0] - reach;
  const highest = others[others.length - 1] + reach;
  if (few === 0 || (low >= lowest && high <= highest)) return [low, high];
  if (new Set(others).size < FEWEST_LEVELS) return [low, high];
  const near = sample.filter((value) => value >= lowest && value <= highest);
  return [low < lowest ? near[0] : low, high > highest ? near[near.length - 1] : high];
}
