/** Measurements end at the edges of their image: beyond is nothing to measure, and the archive takes no such points. */
import { pointOf, worldOf } from "./placing.js";

/** @typedef {import("../lib/display.js").Frame} Frame */
/** @typedef {import("../lib/geometry.js").Point} Point */

/** Parts of a pixel that are no difference: what arithmetic in millimetres leaves. */
const NOTHING = 1e-3;

/**
 * Moves what reaches beyond the image to its edges; returns whether anything did.
 * @param {import("./values.js").Kind} kind
 * @param {any} annotation  of Cornerstone
 * @param {Frame} frame
 */
export function keepInside(kind, annotation, frame) {
  const { handles, contour } = annotation.data;
  /** @type {number[][]} */
  const world = kind === "freehand" ? (contour?.polyline ?? []) : handles.points;
  const points = world.map((each) => pointOf(frame, each));
  const kept = kind === "ellipse" ? squeezed(points, frame) : points.map((each) => clamped(each, frame));
  const moved = kept.filter(([x, y], n) => Math.hypot(x - points[n][0], y - points[n][1]) > NOTHING);
  if (moved.length === 0) return false;
  kept.forEach((point, n) => Object.assign(world[n], worldOf(frame, point)));
  annotation.invalidated = true;
  return true;
}

/**
 * @param {Point} point
 * @param {Frame} frame
 * @returns {Point}
 */
export function clamped([column, row], { columns, rows }) {
  return [Math.min(Math.max(column, 0), columns), Math.min(Math.max(row, 0), rows)];
}

/**
 * Makes an ellipse fit: its four ends stay the ends of its axes.
 * @param {Point[]} points
 * @param {Frame} frame
 * @returns {Point[]}
 */
function squeezed(points, frame) {
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const from = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
  const [left, top] = clamped([from[0], from[1]], frame);
  const [right, bottom] = clamped([from[2], from[3]], frame);
  const [across, down] = [(right - left) / (from[2] - from[0] || 1), (bottom - top) / (from[3] - from[1] || 1)];
  return points.map(([x, y]) => [left + (x - from[0]) * across, top + (y - from[1]) * down]);
}
