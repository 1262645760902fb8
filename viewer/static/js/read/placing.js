/**
 * Where a frame lies in the world that Cornerstone measures in: in the patient where the header says so, else in
 * a plane of its own, so that nothing of one image is drawn on another.
 */
import { fromPatient, toPatient } from "../lib/geometry.js";

/** @typedef {import("../lib/display.js").Frame} Frame */
/** @typedef {import("../lib/display.js").Plane} Plane */
/** @typedef {import("../lib/geometry.js").Point} Point */
/** @typedef {import("../lib/geometry.js").Place} Place */
/** @typedef {{plane: Plane, spacing: {row: number, column: number, kind: "patient"}, real: boolean}} Placing */

const OWN_ORIENTATION = [1, 0, 0, 0, 1, 0];

/**
 * @param {Frame} frame
 * @returns {Placing}
 */
export function placed(frame) {
  const { plane, spacing, aspect } = frame;
  const { row, column } = spacing ?? { row: aspect || 1, column: 1 };
  const size = /** @type {Placing["spacing"]} */ ({ row, column, kind: "patient" });
  if (plane && spacing) return { plane: { ...plane, frameOfReference: plane.frameOfReference || own(frame) }, spacing: size, real: true };
  return { plane: { position: [0, 0, 0], orientation: OWN_ORIENTATION, frameOfReference: own(frame) }, spacing: size, real: false };
}

/** @param {Frame} frame */
function own(frame) {
  return `image:${frame.key}`;
}

/**
 * @param {Frame} frame
 * @param {Point} point
 * @returns {Place}
 */
export function worldOf(frame, point) {
  return /** @type {Place} */ (toPatient(placed(frame), point));
}

/**
 * @param {Frame} frame
 * @param {ArrayLike<number>} world
 * @returns {Point}
 */
export function pointOf(frame, world) {
  const found = fromPatient(placed(frame), [world[0], world[1], world[2]]);
  return /** @type {{point: Point}} */ (found).point;
}
