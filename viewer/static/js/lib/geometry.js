/**
 * Measuring and placing, in image coordinates as the standard has them (PS3.3 C.18.6.1.2): [column, row],
 * (0, 0) the top left corner of the top left pixel, whose middle is (0.5, 0.5).
 */

/** @typedef {import("./display.js").Frame} Frame */
/** @typedef {[number, number]} Point */
/** @typedef {[number, number, number]} Place  millimetres in the patient's coordinate system (PS3.3 C.7.6.2.1.1) */
/** @typedef {{value: number, unit: "mm" | "px", kind: "patient" | "detector" | "calibrated" | ""}} Length */
/** @typedef {{rotation: 0 | 90 | 180 | 270, flipped: boolean}} Turn  flipped left to right first, then rotated clockwise */

/** A direction gets a second letter when it is so far off the axis of its first: the sine of 15 degrees. */
const SECOND_LETTER = 0.26;
const PARALLEL = 1e-6;

/** @type {Record<string, string>} */
const OPPOSITE = { L: "R", R: "L", A: "P", P: "A", H: "F", F: "H", U: "D", D: "U" };

/**
 * Returns the millimetres that a step of one column and one row are at both ends of a line, if they are known.
 * @param {Frame} frame
 * @param {Point} a
 * @param {Point} b
 * @returns {{dx: number, dy: number, unit: "mm" | "px", kind: Length["kind"]}}
 */
export function scaleAt(frame, a, b) {
  const inside = frame.regions.find((region) => holds(region, a) && holds(region, b));
  if (inside) return { dx: inside.dx, dy: inside.dy, unit: "mm", kind: "calibrated" };
  const { spacing } = frame;
  if (spacing && frame.regions.length === 0) return { dx: spacing.column, dy: spacing.row, unit: "mm", kind: spacing.kind };
  return { dx: 1, dy: frame.aspect, unit: "px", kind: "" };
}

/**
 * @param {Frame} frame
 * @param {Point} a
 * @param {Point} b
 * @returns {Length}
 */
export function distance(frame, a, b) {
  const { dx, dy, unit, kind } = scaleAt(frame, a, b);
  return { value: Math.hypot((b[0] - a[0]) * dx, (b[1] - a[1]) * dy), unit, kind };
}

/**
 * Returns the angle at `vertex` in degrees, from 0 to 180.
 * @param {Frame} frame
 * @param {Point} a
 * @param {Point} vertex
 * @param {Point} b
 */
export function angle(frame, a, vertex, b) {
  return angleBetween(frame, vertex, a, vertex, b);
}

/**
 * Returns the angle between the lines from `a1` to `a2` and from `b1` to `b2` in degrees, from 0 to 180.
 * @param {Frame} frame
 * @param {Point} a1
 * @param {Point} a2
 * @param {Point} b1
 * @param {Point} b2
 */
export function angleBetween(frame, a1, a2, b1, b2) {
  const first = [a2[0] - a1[0], (a2[1] - a1[1]) * frame.aspect];
  const second = [b2[0] - b1[0], (b2[1] - b1[1]) * frame.aspect];
  const along = first[0] * second[0] + first[1] * second[1];
  const across = first[0] * second[1] - first[1] * second[0];
  return (Math.abs(Math.atan2(across, along)) * 180) / Math.PI;
}

/**
 * Returns where each edge of the shown picture points to, such as "L" or "AL"; empty where it is unknown.
 * @param {Pick<Frame, "plane" | "patientOrientation">} frame
 * @param {Turn} turn
 */
export function edgeLabels(frame, { rotation, flipped }) {
  const [right, bottom] = directions(frame);
  let edges = [opposite(bottom), right, bottom, opposite(right)];
  if (flipped) edges = [edges[0], edges[3], edges[2], edges[1]];
  const turned = edges.map((_, place) => edges[(place + 4 - rotation / 90) % 4]);
  return { top: turned[0], right: turned[1], bottom: turned[2], left: turned[3] };
}

/**
 * @param {Pick<Frame, "plane" | "patientOrientation">} frame
 * @returns {[string, string]}
 */
function directions({ plane, patientOrientation }) {
  if (plane) return [letters(plane.orientation.slice(0, 3)), letters(plane.orientation.slice(3))];
  return patientOrientation ?? ["", ""];
}

/**
 * Returns the letters of a direction, the nearest axis first.
 * @param {number[]} direction
 */
export function letters([x, y, z]) {
  const parts = [
    { size: Math.abs(x), letter: x < 0 ? "R" : "L" },
    { size: Math.abs(y), letter: y < 0 ? "A" : "P" },
    { size: Math.abs(z), letter: z < 0 ? "F" : "H" },
  ];
  parts.sort((one, other) => other.size - one.size);
  return parts.filter(({ size }, place) => place === 0 || (place === 1 && size > SECOND_LETTER)).map(({ letter }) => letter).join("");
}

/** @param {string} label */
function opposite(label) {
  return [...label].map((letter) => OPPOSITE[letter] ?? "").join("");
}

/**
 * Returns where a point of the image is in the patient, null if that is unknown.
 * @param {Pick<Frame, "plane" | "spacing">} frame
 * @param {Point} point
 * @returns {Place | null}
 */
export function toPatient({ plane, spacing }, [column, row]) {
  if (!plane || !spacing) return null;
  const { position, orientation } = plane;
  const across = (column - 0.5) * spacing.column;
  const down = (row - 0.5) * spacing.row;
  return /** @type {Place} */ ([0, 1, 2].map((n) => position[n] + orientation[n] * across + orientation[n + 3] * down));
}

/**
 * Returns the point of the image nearest to a place in the patient, and its distance from the plane in millimetres.
 * @param {Pick<Frame, "plane" | "spacing">} frame
 * @param {Place} place
 * @returns {{point: Point, distance: number} | null}
 */
export function fromPatient({ plane, spacing }, place) {
  if (!plane || !spacing) return null;
  const { position, orientation } = plane;
  const offset = [0, 1, 2].map((n) => place[n] - position[n]);
  const along = (/** @type {number} */ start) => dot(offset, orientation.slice(start, start + 3));
  /** @type {Point} */
  const point = [along(0) / spacing.column + 0.5, along(3) / spacing.row + 0.5];
  return { point, distance: dot(offset, normalOf(plane)) };
}

/**
 * Returns the unit vector that looks out of the plane: rows cross columns.
 * @param {import("./display.js").Plane} plane
 */
export function normalOf({ orientation: [a, b, c, d, e, f] }) {
  return [b * f - c * e, c * d - a * f, a * e - b * d];
}

/**
 * Returns how far a frame lies along a normal, in millimetres; frames of one direction are ordered by it.
 * @param {import("./display.js").Plane} plane
 * @param {number[]} [normal]
 */
export function depth(plane, normal = normalOf(plane)) {
  return dot(plane.position, normal);
}

/**
 * Returns the line in which the plane of `other` crosses the image of `frame`, null if it does not.
 * @param {Frame} frame
 * @param {Frame} other
 * @returns {[Point, Point] | null}
 */
export function crossing(frame, other) {
  if (!frame.plane || !frame.spacing || !other.plane) return null;
  if (frame.plane.frameOfReference !== other.plane.frameOfReference) return null;
  const normal = normalOf(other.plane);
  const offset = depth(other.plane, normal);
  /** @type {Point[]} */
  const corners = [[0, 0], [frame.columns, 0], [frame.columns, frame.rows], [0, frame.rows]];
  const heights = corners.map((corner) => dot(/** @type {Place} */ (toPatient(frame, corner)), normal) - offset);
  /** @type {Point[]} */
  const found = [];
  for (let n = 0; n < 4; n += 1) {
    const next = (n + 1) % 4;
    const [here, there] = [heights[n], heights[next]];
    if (here > 0 === there > 0 || Math.abs(here - there) < PARALLEL) continue;
    const share = here / (here - there);
    found.push([
      corners[n][0] + (corners[next][0] - corners[n][0]) * share,
      corners[n][1] + (corners[next][1] - corners[n][1]) * share,
    ]);
  }
  return found.length === 2 ? [found[0], found[1]] : null;
}

/**
 * @param {{x0: number, y0: number, x1: number, y1: number}} region
 * @param {Point} point
 */
function holds({ x0, y0, x1, y1 }, [column, row]) {
  return column >= x0 && column <= x1 + 1 && row >= y0 && row <= y1 + 1;
}

/**
 * @param {ArrayLike<number>} a
 * @param {ArrayLike<number>} b
 */
function dot(a, b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}
