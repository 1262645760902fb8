/** Measurements as Cornerstone's annotations and as the archive keeps them. */
import { clamped } from "./edges.js";
import { placed, pointOf, worldOf } from "./placing.js";
import { valuesOf } from "./values.js";

/** @typedef {import("../lib/display.js").Frame} Frame */
/** @typedef {import("../lib/geometry.js").Point} Point */
/** @typedef {import("./values.js").Kind} Kind */
/** @typedef {import("./values.js").Value} Value */
/** @typedef {{series: string, instance: string, frame: number}} ImageReference */
/** @typedef {{id: string, kind: Kind, image: ImageReference, points: Point[], values: Value[], label: string}} Measurement */

/** @type {Record<Kind, string>} */
export const TOOLS = {
  length: "Length",
  angle: "Angle",
  cobb: "CobbAngle",
  ellipse: "EllipticalROI",
  rectangle: "RectangleROI",
  freehand: "PlanarFreehandROI",
  arrow: "ArrowAnnotate",
  probe: "Probe",
};
const KINDS = new Map(Object.entries(TOOLS).map(([kind, tool]) => [tool, /** @type {Kind} */ (kind)]));
/** How many points a measurement has, a freehand outline at least. */
const POINTS = { length: 2, angle: 3, cobb: 4, ellipse: 4, rectangle: 4, freehand: 3, arrow: 2, probe: 1 };
/** Millimetres by which one axis must be longer than the other to count as the major one. */
const ROUND = 1e-6;

/**
 * @param {any} annotation
 * @returns {Kind | undefined}
 */
export function kindOf({ metadata }) {
  return KINDS.get(metadata.toolName);
}

/**
 * Returns the image points of an annotation; null until there are enough.
 * @param {any} annotation
 * @param {Frame} frame
 * @returns {Point[] | null}
 */
export function pointsOf(annotation, frame) {
  const kind = kindOf(annotation);
  if (!kind) return null;
  const { handles, contour } = annotation.data;
  /** @type {ArrayLike<number>[]} */
  const world = kind === "freehand" ? (contour?.polyline ?? []) : handles.points;
  if (world.length < POINTS[kind]) return null;
  return ordered(kind, world.map((each) => clamped(pointOf(frame, each), frame)), frame);
}

/**
 * Puts points in the order in which the archive wants them; of a rectangle, the same again puts them back.
 * @param {Kind} kind
 * @param {Point[]} points
 * @param {Frame} frame
 * @returns {Point[]}
 */
function ordered(kind, points, frame) {
  if (kind === "rectangle") return [points[0], points[1], points[3], points[2]];
  if (kind !== "ellipse") return points;
  const { row, column } = placed(frame).spacing;
  const size = (/** @type {Point} */ a, /** @type {Point} */ b) => Math.hypot((a[0] - b[0]) * column, (a[1] - b[1]) * row);
  const [a, b, c, d] = points;
  return size(a, b) + ROUND >= size(c, d) ? [a, b, c, d] : [c, d, a, b];
}

/**
 * Returns the points of a kept measurement in Cornerstone's order: of an ellipse bottom, top, left, right.
 * @param {Kind} kind
 * @param {Point[]} points
 * @returns {Point[]}
 */
function drawnOrder(kind, points) {
  if (kind === "rectangle") return [points[0], points[1], points[3], points[2]];
  if (kind !== "ellipse") return points;
  const [one, other] = [points.slice(0, 2), points.slice(2)];
  const upright = Math.abs(one[1][1] - one[0][1]) >= Math.abs(one[1][0] - one[0][0]);
  const [tall, wide] = upright ? [one, other] : [other, one];
  return [...tall.sort((a, b) => b[1] - a[1]), ...wide.sort((a, b) => a[0] - b[0])];
}

/**
 * Returns the measurement of an annotation; null for what is not finished or lies on no frame of ours.
 * @param {any} annotation
 * @param {Frame | undefined} frame
 * @param {import("../pixels/source.js").Pixels | null | undefined} pixels
 * @returns {Measurement | null}
 */
export function measurementOf(annotation, frame, pixels) {
  const kind = kindOf(annotation);
  const points = frame && pointsOf(annotation, frame);
  if (!kind || !frame || !points) return null;
  return {
    id: trackingOf(annotation),
    kind,
    image: { series: frame.series.uid, instance: frame.instance, frame: /** @type {number} */ (frame.number) },
    points,
    values: valuesOf(kind, frame, points, pixels),
    label: annotation.data.label ?? "",
  };
}

/**
 * Returns the annotation of a measurement.
 * @param {Measurement} measurement
 * @param {Frame} frame
 * @param {string} imageId
 */
export function annotationOf({ id, kind, points, label }, frame, imageId) {
  const { plane } = placed(frame);
  const [a, b, c, d, e, f] = plane.orientation;
  const world = drawnOrder(kind, points).map((point) => worldOf(frame, point));
  const corner = () => [0, 0, 0];
  const textBox = { hasMoved: false, worldPosition: corner(), worldBoundingBox: { topLeft: corner(), topRight: corner(), bottomLeft: corner(), bottomRight: corner() } };
  return {
    ...{ annotationUID: id, highlighted: false, isLocked: false, isVisible: true, invalidated: true },
    metadata: {
      toolName: TOOLS[kind],
      viewPlaneNormal: [c * e - b * f, a * f - c * d, b * d - a * e],
      viewUp: [-d, -e, -f],
      FrameOfReferenceUID: plane.frameOfReference,
      referencedImageId: imageId,
    },
    data: {
      ...{ label, cachedStats: {} },
      handles: { points: kind === "freehand" ? [] : world, activeHandleIndex: null, textBox, arrowFirst: true },
      ...(kind === "freehand" ? { contour: { polyline: world, closed: true } } : {}),
    },
  };
}

/**
 * Returns the UID by which the archive knows a measurement; Cornerstone's own names are none.
 * @param {any} annotation
 * @returns {string}
 */
export function trackingOf({ annotationUID, metadata }) {
  if (/^[\d.]+$/.test(annotationUID)) return annotationUID;
  metadata.tracking = metadata.tracking ?? newUid();
  return metadata.tracking;
}

/** Returns a new UID (PS3.5 B.2) from 16 random bytes; also where pages are not served over HTTPS. */
export function newUid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `2.25.${BigInt(`0x${hex}`)}`;
}
