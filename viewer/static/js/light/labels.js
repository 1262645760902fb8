/** What stands around an image: whose it is, which it is, how it is shown, and where its edges point. */
import { edgeLabels } from "../lib/geometry.js";
import { scaleOf } from "./view.js";

/** @typedef {import("./pane.js").Pane} Pane */
/** @typedef {ReturnType<typeof import("../lib/texts.js").pageTexts>} T */

/** Less high panes keep their middle for the image. */
const ROOM_FOR_PLACE = 320;
const EDGES = /** @type {const} */ (["top", "right", "bottom", "left"]);

/**
 * Makes the inside of a pane.
 * @param {HTMLElement} element
 * @param {T} t
 */
export function furnish(element, t) {
  const canvas = document.createElement("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", t("viewer.title"));
  element.append(canvas);
  for (const place of ["whose", "what", "where", "how"]) element.append(part(`corner ${place}`));
  for (const edge of EDGES) element.append(part(`edge ${edge}`));
  const badges = part("badges");
  badges.append(part("badge-preview", t("viewer.badge.preview")), part("badge-lossy"));
  element.append(badges, part("waiting-mark"), part("fault"));
  element.tabIndex = 0;
  element.setAttribute("role", "group");
}

/**
 * @param {string} name
 * @param {string} [text]
 */
function part(name, text = "") {
  const element = document.createElement("div");
  element.className = name;
  element.textContent = text;
  return element;
}

/**
 * @param {Pane} pane
 * @param {string} selector
 * @param {string | string[]} text  lines
 */
function say(pane, selector, text) {
  const element = /** @type {HTMLElement} */ (pane.element.querySelector(selector));
  const lines = (Array.isArray(text) ? text : [text]).filter(Boolean);
  if (element.dataset.said === lines.join("\n")) return;
  element.dataset.said = lines.join("\n");
  element.replaceChildren(...lines.map((line) => part("", line)));
}

/**
 * @param {Pane} pane
 * @param {T} t
 * @param {{prior: boolean}} about
 */
export function label(pane, t, { prior }) {
  const { study, stack, frame } = pane;
  if (!study || !stack || !frame) return;
  const { patient } = study;
  say(pane, ".whose", [patient.name || t("viewer.unnamed"), patient.id, `${day(patient.birthDate, t)} ${patient.sex}`.trim()]);
  say(pane, ".what", [prior ? t("viewer.prior") : "", study.description, `${day(study.date, t)} ${clock(study.time)}`.trim()]);
  say(pane, ".where", whereLines(pane, t));
  say(pane, ".how", howLines(pane, t));
  const edges = edgeLabels(frame, pane.view);
  for (const edge of EDGES) say(pane, `.edge.${edge}`, edges[edge]);
  badge(pane, t);
  describe(pane, t);
}

/**
 * @param {Pane} pane
 * @param {T} t
 */
function whereLines({ stack, frame, index, size }, t) {
  if (!stack || !frame) return [];
  const { series } = stack;
  const side = frame.laterality || series.laterality;
  // "U" says that the part has no sides (PS3.3 C.8.11.2).
  const sided = side === "U" ? "" : side;
  const name = [series.number === null ? "" : t("viewer.series", { n: series.number }), stack.title].filter(Boolean).join(" · ");
  const place = size.height < ROOM_FOR_PLACE ? "" : [
    frame.sliceLocation === null ? "" : t("viewer.location", { mm: short(frame.sliceLocation) }),
    frame.sliceThickness === null ? "" : t("viewer.thickness", { mm: short(frame.sliceThickness) }),
  ].filter(Boolean).join(" · ");
  return [[sided, frame.viewPosition].filter(Boolean).join(" "), place, name, placeText(stack, index, t)];
}

/**
 * @param {import("../lib/display.js").Stack} stack
 * @param {number} index
 * @param {T} t
 */
export function placeText(stack, index, t) {
  const key = stack.frames[index].frames > 1 ? "viewer.frame" : "viewer.image";
  return t(key, { n: index + 1, total: stack.frames.length });
}

/**
 * @param {Pane} pane
 * @param {T} t
 */
function howLines(pane, t) {
  const { voi, frame, view } = pane;
  if (!frame) return [];
  const zoom = t("viewer.zoom", { percent: Math.round(scaleOf(frame, view, pane.size) * pane.size.ratio * 100) });
  return [windowText(voi, t), pane.negative ? t("viewer.negative") : "", zoom];
}

/**
 * @param {import("../lib/voi.js").Voi | null} voi
 * @param {T} t
 */
export function windowText(voi, t) {
  if (voi === "lut") return t("viewer.window.lut");
  return voi ? t("viewer.window.values", { center: short(voi.center), width: short(voi.width) }) : "";
}

/**
 * @param {Pane} pane
 * @param {T} t
 */
function badge({ element, frame, state, painter }, t) {
  const preview = /** @type {HTMLElement} */ (element.querySelector(".badge-preview"));
  const lossy = /** @type {HTMLElement} */ (element.querySelector(".badge-lossy"));
  preview.hidden = state !== "preview" && (state !== "trouble" || !painter.source);
  lossy.hidden = !frame?.lossy;
  const ratio = frame?.lossyRatio;
  lossy.textContent = ratio ? t("viewer.badge.lossy.ratio", { ratio: short(ratio) }) : t("viewer.badge.lossy");
}

/**
 * Says to screen readers and tests what the pixels show.
 * @param {Pane} pane
 * @param {T} t
 */
function describe(pane, t) {
  const { element, stack, frame, voi, view } = pane;
  if (!stack || !frame) return;
  const place = placeText(stack, pane.index, t);
  element.querySelector("canvas")?.setAttribute("aria-label", [stack.title, place, windowText(voi, t)].filter(Boolean).join(", "));
  element.setAttribute("aria-label", [pane.study?.patient.name, stack.title].filter(Boolean).join(", "));
  Object.assign(element.dataset, {
    slice: pane.index + 1,
    slices: stack.frames.length,
    instance: frame.instance,
    stack: stack.key,
    study: pane.study?.uid,
    state: pane.state,
    window: voi === "lut" ? "lut" : voi ? `${voi.center},${voi.width}` : "",
    zoom: view.zoom.toFixed(3),
    moved: `${Math.round(view.x)},${Math.round(view.y)}`,
    rotation: view.rotation,
    flipped: view.flipped,
    negative: pane.negative,
  });
  // A single image that is not zoomed lets a finger scroll the page.
  element.dataset.still = String(stack.frames.length === 1 && view.zoom <= 1);
}

/**
 * Returns a number with as many digits as people read.
 * @param {number} number
 */
export function short(number) {
  return String(Math.round(number * (Math.abs(number) < 10 ? 100 : 10)) / (Math.abs(number) < 10 ? 100 : 10));
}

/**
 * @param {string} date  YYYYMMDD
 * @param {T} t
 */
export function day(date, t) {
  const parts = /^(\d{4})(\d{2})(\d{2})$/.exec(date);
  if (!parts) return date;
  const [year, month, number] = [parts[1], parts[2], parts[3]];
  return t("viewer.day", { day: number, month, year });
}

/** @param {string} time  HHMMSS */
function clock(time) {
  return /^\d{4}/.test(time) ? `${time.slice(0, 2)}:${time.slice(2, 4)}` : "";
}
