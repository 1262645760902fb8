/** Presentation states: offered by name, applied to the images that they are for (PS3.3 A.33). */
import { fetched, Trouble } from "../lib/trouble.js";
import { svg } from "./linking.js";
import { made } from "./panel.js";

/** @typedef {import("./reader.js").Reader} Reader */
/** @typedef {import("./pane.js").Pane} Pane */
/** @typedef {import("../lib/display.js").Frame} Frame */
/** @typedef {import("../lib/display.js").Shades} Shades */
/** @typedef {import("../lib/geometry.js").Point} Point */
/** @typedef {{kind: "polyline" | "circle" | "ellipse" | "point", points: Point[], filled: boolean, onDisplay: boolean}} Graphic */
/** @typedef {{text: string, anchor: Point | null, box: [Point, Point] | null, onDisplay: boolean}} Words */
/**
 * @typedef {object} State
 * @property {string} uid
 * @property {string} label
 * @property {string} description
 * @property {string} creator
 * @property {{series: string, instance: string, frames: number[] | null}[]} images
 * @property {import("../lib/display.js").Window | null} window
 * @property {import("../lib/display.js").Lut | null} voiLut
 * @property {import("../lib/display.js").Lut | null} presentationLut
 * @property {{slope: number, intercept: number, modalityLut: import("../lib/display.js").Lut | null} | null} modality  null: the image's
 * @property {boolean} inverted
 * @property {boolean} coloured  whether greys stand for pseudo-colours, which are not drawn here
 * @property {number} shutter  shade of grey outside of shutters
 * @property {0 | 90 | 180 | 270} rotation
 * @property {boolean} flipped
 * @property {{topLeft: Point, bottomRight: Point} | null} area
 * @property {Graphic[]} graphics
 * @property {Words[]} texts
 */

const POINT_RADIUS = 2;

/** A state that a pane shows. */
export class Applied {
  /** @param {State} state */
  constructor(state) {
    this.state = state;
    this.uid = state.uid;
    this.label = state.description || state.label;
  }

  /** @param {Frame} frame */
  isFor(frame) {
    return this.state.images.some(({ instance, frames }) => instance === frame.instance && (!frames || frames.includes(/** @type {number} */ (frame.number))));
  }

  /**
   * Returns the shades that the state gives a frame; null for frames that it is not for.
   * @param {Frame} frame
   * @returns {Shades | null}
   */
  shadesOf(frame) {
    if (!frame.stored || !this.isFor(frame)) return null;
    const { modality, window, voiLut, presentationLut, inverted } = this.state;
    // What a state leaves out is not the image's choice, except the modality values (PS3.4 N.2.1).
    return { ...frame.shades, ...modality, window, voiLut, presentationLut, inverted };
  }

  /**
   * Draws the state's graphics where they belong on the screen now.
   * @param {Pane} pane
   */
  draw(pane) {
    const over = svg("g", { class: "state" });
    const { frame } = pane;
    if (frame && this.isFor(frame)) {
      for (const graphic of this.state.graphics) over.append(shape(pane, graphic));
      for (const words of this.state.texts) over.append(text(pane, words));
    }
    pane.element.querySelector("svg.over")?.append(over);
  }
}

/**
 * Takes away what a state drew before.
 * @param {Pane} pane
 */
export function clearState(pane) {
  pane.element.querySelector("svg.over .state")?.remove();
}

/**
 * Lists the states of the study; a study without any gets no list.
 * @param {Reader} reader
 * @param {HTMLElement} element
 */
export async function listStates(reader, element) {
  const { t } = reader;
  const states = await statesOf(reader.study?.uid ?? "");
  reader.root.dataset.states = String(states.length);
  if (states.length === 0) return;
  const section = made("section", { className: "read-states" });
  section.append(made("h2", { textContent: t("read.states") }));
  for (const state of states) {
    const button = made("button", { type: "button", textContent: state.description || state.label || t("read.state.unnamed") });
    button.dataset.state = state.uid;
    button.title = state.creator;
    button.addEventListener("click", () => apply(reader, state));
    section.append(button);
  }
  const none = made("button", { type: "button", textContent: t("read.state.none") });
  none.addEventListener("click", () => reader.active.reset());
  section.append(none);
  element.append(section);
}

/**
 * @param {string} study
 * @returns {Promise<State[]>}
 */
async function statesOf(study) {
  try {
    return (await (await fetched(`/api/studies/${encodeURIComponent(study)}/presentation-states`)).json()).states;
  } catch (error) {
    if (error instanceof Trouble) return [];
    throw error;
  }
}

/**
 * Shows an image that a state is for, as the state says, in the active pane.
 * @param {Reader} reader
 * @param {State} state
 */
async function apply(reader, state) {
  const applied = new Applied(state);
  const pane = reader.active;
  if (pane.viewport && pane.index >= 0) pane.reset();
  if (!pane.frame || !applied.isFor(pane.frame)) {
    const frame = [...reader.framesByKey().values()].find((each) => applied.isFor(each));
    if (!frame) return reader.notice(reader.t("read.state.no_image"));
    await reader.find(frame);
  }
  pane.applied = applied;
  // The state turns and then flips; Cornerstone flips and then turns, which is the same the other way round.
  if (state.flipped) pane.viewport.setCamera({ flipHorizontal: true });
  pane.viewport.setViewPresentation({ rotation: state.flipped ? (360 - state.rotation) % 360 : state.rotation });
  if (state.area) showArea(pane, state.area);
  if (state.coloured) reader.notice(reader.t("read.state.colours"));
  pane.laid.fetch();
  return pane.repaint();
}

/**
 * Makes an area of the image as large as the pane, however it is turned.
 * @param {Pane} pane
 * @param {{topLeft: Point, bottomRight: Point}} area  outer corners, from 0
 */
function showArea(pane, { topLeft, bottomRight }) {
  const { clientWidth, clientHeight } = pane.element;
  const ends = () => [pane.canvasOf(topLeft), pane.canvasOf(bottomRight)];
  const [a, b] = ends();
  const [width, height] = [Math.abs(b[0] - a[0]), Math.abs(b[1] - a[1])];
  if (Math.min(width, height) <= 0) return;
  pane.viewport.setZoom(pane.viewport.getZoom() * Math.min(clientWidth / width, clientHeight / height));
  const [c, d] = ends();
  pane.moveBy([(clientWidth - c[0] - d[0]) / 2, (clientHeight - c[1] - d[1]) / 2]);
}

/**
 * @param {Pane} pane
 * @param {Point} point
 * @param {boolean} onDisplay  whether it is a share of the pane instead of a place in the image
 * @returns {Point}
 */
function canvasOf(pane, [column, row], onDisplay) {
  return onDisplay ? [column * pane.element.clientWidth, row * pane.element.clientHeight] : pane.canvasOf([column, row]);
}

/**
 * @param {Pane} pane
 * @param {Graphic} graphic
 */
function shape(pane, { kind, points, filled, onDisplay }) {
  const places = points.map((point) => canvasOf(pane, point, onDisplay));
  const element = kind === "polyline" ? svg("polyline", { points: places.map((each) => each.join()).join(" ") }) : svg("ellipse", round(kind, places));
  element.classList.toggle("filled", filled || kind === "point");
  return element;
}

/**
 * @param {Graphic["kind"]} kind
 * @param {Point[]} points
 * @returns {Record<string, string | number>}
 */
function round(kind, [a, b, c, d]) {
  if (kind === "point") return { cx: a[0], cy: a[1], rx: POINT_RADIUS, ry: POINT_RADIUS };
  const size = (/** @type {Point} */ from, /** @type {Point} */ to) => Math.hypot(to[0] - from[0], to[1] - from[1]);
  if (kind === "circle") return { cx: a[0], cy: a[1], rx: size(a, b), ry: size(a, b) };
  const [cx, cy] = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
  const turn = (Math.atan2(b[1] - a[1], b[0] - a[0]) * 180) / Math.PI;
  return { cx, cy, rx: size(a, b) / 2, ry: size(c, d) / 2, transform: `rotate(${turn} ${cx} ${cy})` };
}

/**
 * @param {Pane} pane
 * @param {Words} words
 */
function text(pane, { text: content, anchor, box, onDisplay }) {
  const [x, y] = canvasOf(pane, box?.[0] ?? anchor ?? [0, 0], onDisplay);
  const element = svg("text", { x, y });
  element.textContent = content;
  return element;
}
