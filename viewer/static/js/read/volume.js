/** Whether a stack is a volume, and the volume that it is: modality values on an even grid. Pure. */
import { depth, normalOf } from "../lib/geometry.js";
import { modalityValue } from "../lib/modality.js";

/** @typedef {import("../lib/display.js").Frame} Frame */
/** @typedef {import("../lib/display.js").Plane} Plane */
/** @typedef {import("../lib/display.js").Stack} Stack */
/** @typedef {import("../pixels/source.js").Pixels} Pixels */
/** @typedef {{dimensions: number[], spacing: number[], origin: number[], direction: number[], frames: Frame[], frameOfReference: string}} Grid */
/** @typedef {"" | "few" | "colour" | "unplaced" | "tilted" | "large" | "uneven"} Problem  a key below `read.mpr.` */

const FEWEST = 5;
/** Of the mean distance: how much one image may lie off its even place. */
const UNEVEN = 0.05;
/** Millimetres that an image may lie beside the line of the others. */
const ASIDE = 0.5;
const TURNED = 1e-3;
/** Voxels; half a gigabyte of 16 bits. */
const MOST_VOXELS = 256 * 1024 * 1024;

/**
 * Returns why a stack is no volume, empty if it is one.
 * @param {Stack} stack
 * @returns {Problem}
 */
export function volumeProblem({ frames }) {
  const [first] = frames;
  if (frames.length < FEWEST) return "few";
  if (frames.some(({ stored }) => !stored)) return "colour";
  if (frames.some(({ plane, spacing }) => !plane || spacing?.kind !== "patient")) return "unplaced";
  if (frames.some((frame) => !isAlike(frame, first))) return "tilted";
  if (frames.length * first.rows * first.columns > MOST_VOXELS) return "large";
  return isEven(alongNormal(frames)) ? "" : "uneven";
}

/**
 * @param {Frame} frame
 * @param {Frame} first
 */
function isAlike(frame, first) {
  const [plane, other] = [planeOf(frame), planeOf(first)];
  const size = frame.rows === first.rows && frame.columns === first.columns;
  const spacing = frame.spacing?.row === first.spacing?.row && frame.spacing?.column === first.spacing?.column;
  const turned = plane.orientation.some((each, n) => Math.abs(each - other.orientation[n]) > TURNED);
  return size && spacing && !turned && plane.frameOfReference === other.frameOfReference;
}

/** @param {Frame} frame */
function planeOf({ plane }) {
  return /** @type {Plane} */ (plane);
}

/** @param {Frame[]} frames */
function alongNormal(frames) {
  const normal = normalOf(planeOf(frames[0]));
  return [...frames].sort((a, b) => depth(planeOf(a), normal) - depth(planeOf(b), normal));
}

/** @param {Frame[]} frames  along their normal */
function isEven(frames) {
  const step = stepOf(frames);
  if (!(step > TURNED)) return false;
  const normal = normalOf(planeOf(frames[0]));
  const start = planeOf(frames[0]).position;
  return frames.every((frame, n) => {
    const offset = planeOf(frame).position.map((each, axis) => each - start[axis] - normal[axis] * step * n);
    const along = offset.reduce((sum, each, axis) => sum + each * normal[axis], 0);
    const aside = Math.hypot(...offset.map((each, axis) => each - along * normal[axis]));
    return Math.abs(along) <= UNEVEN * step + TURNED && aside <= ASIDE;
  });
}

/** @param {Frame[]} frames  along their normal */
function stepOf(frames) {
  const normal = normalOf(planeOf(frames[0]));
  const [first, last] = [frames[0], frames[frames.length - 1]];
  return (depth(planeOf(last), normal) - depth(planeOf(first), normal)) / (frames.length - 1);
}

/**
 * Returns the grid of a stack that is a volume.
 * @param {Stack} stack
 * @returns {Grid}
 */
export function gridOf(stack) {
  const frames = alongNormal(stack.frames);
  const [first] = frames;
  const plane = planeOf(first);
  const { row, column } = /** @type {import("../lib/display.js").Spacing} */ (first.spacing);
  return {
    dimensions: [first.columns, first.rows, frames.length],
    spacing: [column, row, stepOf(frames)],
    origin: plane.position,
    direction: [...plane.orientation, ...normalOf(plane)],
    frames,
    frameOfReference: plane.frameOfReference,
  };
}

/**
 * Writes the modality values of one slice.
 * @param {Frame} frame
 * @param {Pixels} pixels
 * @param {Int16Array | Float32Array} target
 */
export function fillSlice({ shades }, { values, low, high }, target) {
  if (!values) return;
  const table = new Float32Array(high - low + 1);
  for (let stored = low; stored <= high; stored += 1) table[stored - low] = modalityValue(shades, stored);
  for (let n = 0; n < values.length; n += 1) target[n] = table[values[n] - low];
}

/**
 * Says whether the modality values of a frame are whole numbers that 16 bits hold.
 * @param {Frame} frame
 * @param {Pixels} pixels
 */
export function isWhole({ shades }, { low, high }) {
  const ends = [modalityValue(shades, low), modalityValue(shades, high)];
  const whole = !shades.modalityLut && Number.isInteger(shades.slope) && Number.isInteger(shades.intercept);
  return whole && Math.min(...ends) >= -(2 ** 15) && Math.max(...ends) < 2 ** 15;
}
