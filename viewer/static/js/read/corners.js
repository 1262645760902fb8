/** What stands around an image: whose it is, which it is, how it is shown, where its edges point. */
import { renderedUrl } from "../lib/display.js";
import { letters } from "../lib/geometry.js";
import { placed } from "./placing.js";

/** @typedef {import("./pane.js").Pane} Pane */
/** @typedef {ReturnType<typeof import("../lib/texts.js").pageTexts>} T */

const EDGES = /** @type {const} */ (["top", "right", "bottom", "left"]);
const OPPOSITE = new Map(Object.entries({ L: "R", R: "L", A: "P", P: "A", H: "F", F: "H", U: "D", D: "U" }));
const PREVIEW_SIZE = 512;

/**
 * Makes the inside of a pane.
 * @param {number} number
 * @param {T} t
 * @returns {HTMLElement}
 */
export function paneElement(number, t) {
  const pane = document.createElement("section");
  pane.className = "read-pane";
  pane.tabIndex = 0;
  pane.dataset.state = "empty";
  pane.setAttribute("aria-label", t("read.pane", { n: number }));
  const preview = document.createElement("img");
  preview.className = "first";
  preview.alt = "";
  preview.hidden = true;
  const lines = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  lines.classList.add("over");
  lines.setAttribute("aria-hidden", "true");
  pane.append(part("host"), preview, lines);
  for (const place of ["who", "what", "where", "how"]) pane.append(part(`corner ${place}`));
  for (const edge of EDGES) pane.append(part(`edge ${edge}`));
  pane.append(part("badges"), part("fault"), part("empty", t("read.pane.empty")));
  return pane;
}

/**
 * @param {string} name
 * @param {string} [text]
 */
export function part(name, text = "") {
  const element = document.createElement("div");
  element.className = name;
  element.textContent = text;
  return element;
}

/**
 * @param {Pane} pane
 * @param {string} selector
 * @param {string[]} lines
 */
function say(pane, selector, lines) {
  const element = /** @type {HTMLElement} */ (pane.element.querySelector(selector));
  const said = lines.filter(Boolean);
  if (element.dataset.said === said.join("\n")) return;
  element.dataset.said = said.join("\n");
  element.replaceChildren(...said.map((line) => part("", line)));
}

/**
 * Writes everything around the image, and for tests and screen readers what is on screen.
 * @param {Pane} pane
 * @param {T} t
 */
export function label(pane, t) {
  const { study, stack, element } = pane;
  element.dataset.state = pane.state;
  if (!study || !stack) return;
  const prior = study.uid !== pane.reader.study?.uid;
  const { patient } = study;
  say(pane, ".who", [patient.name || t("read.unnamed"), [patient.id, day(patient.birthDate), patient.sex].filter(Boolean).join(" · ")]);
  say(pane, ".what", [prior ? t("read.prior") : "", study.description, `${day(study.date)} ${clock(study.time)}`.trim()]);
  say(pane, ".where", whereLines(pane, t));
  say(pane, ".how", howLines(pane, t));
  say(pane, ".badges", badges(pane, t));
  const edges = edgesOf(pane);
  for (const edge of EDGES) say(pane, `.edge.${edge}`, [edges[edge]]);
  element.classList.toggle("prior", prior);
  preview(pane);
  describe(pane, t);
}

/** @param {Pane} pane */
function preview({ element, stack, wanted, state }) {
  const image = /** @type {HTMLImageElement} */ (element.querySelector("img.first"));
  image.hidden = state !== "preview";
  const frame = stack?.frames[wanted];
  if (state !== "preview" || !frame || image.dataset.frame === frame.key) return;
  image.dataset.frame = frame.key;
  image.src = renderedUrl(frame, { size: PREVIEW_SIZE });
}

/**
 * @param {Pane} pane
 * @param {T} t
 */
function whereLines(pane, t) {
  const { stack, wanted } = pane;
  if (!stack) return [];
  const frame = pane.frame ?? stack.frames[wanted];
  const { series } = stack;
  return [
    [sideOf(frame.laterality || series.laterality), frame.viewPosition].filter(Boolean).join(" "),
    [
      frame.sliceLocation === null || frame.sliceLocation === undefined ? "" : t("read.location", { mm: short(frame.sliceLocation) }),
      frame.sliceThickness ? t("read.thickness", { mm: short(frame.sliceThickness) }) : "",
    ].filter(Boolean).join(" · "),
    [series.number === null ? "" : t("read.series.number", { n: series.number }), stack.title].filter(Boolean).join(" · "),
    t(frame.frames > 1 ? "read.frame" : "read.image", { n: (pane.index < 0 ? wanted : pane.index) + 1, total: stack.frames.length }),
  ];
}

/**
 * Returns a laterality as it is read; "U", unpaired, says nothing.
 * @param {string} laterality
 */
function sideOf(laterality) {
  return laterality === "U" ? "" : laterality;
}

/**
 * @param {Pane} pane
 * @param {T} t
 */
function howLines(pane, t) {
  if (pane.index < 0 || !pane.viewport) return [];
  return [
    pane.applied ? t("read.state.on", { label: pane.applied.label }) : "",
    windowText(pane, t),
    pane.look.negative ? t("read.negative") : "",
    t("read.zoom", { percent: Math.round(pane.scale() * 100) }),
    scaleText(pane, t),
  ];
}

/**
 * Says what measurements mean on this image when they are not millimetres in the patient.
 * @param {Pane} pane
 * @param {T} t
 */
function scaleText({ frame }, t) {
  if (!frame || frame.regions.length > 0) return "";
  if (!frame.spacing) return t("read.spacing.none");
  return frame.spacing.kind === "detector" ? t("read.spacing.detector") : "";
}

/**
 * @param {Pane} pane
 * @param {T} t
 */
function windowText(pane, t) {
  const voi = pane.voi();
  if (voi === "lut") return t("read.window.lut");
  return voi ? t("read.window.values", { center: short(voi.center), width: short(voi.width) }) : "";
}

/**
 * @param {Pane} pane
 * @param {T} t
 */
function badges({ state, frame, stack, wanted }, t) {
  const shown = frame ?? stack?.frames[wanted];
  const ratio = shown?.lossyRatio;
  return [
    state === "preview" ? t("read.badge.preview") : "",
    state === "loading" ? t("read.badge.loading", { n: wanted + 1 }) : "",
    !shown?.lossy ? "" : ratio ? t("read.badge.lossy.ratio", { ratio: short(ratio) }) : t("read.badge.lossy"),
  ];
}

/**
 * Returns where each edge of the pane points to, whatever was turned: from where its neighbours lie in the world.
 * @param {Pane} pane
 */
export function edgesOf({ viewport, frame, index }) {
  if (!viewport || !frame || index < 0) return { top: "", right: "", bottom: "", left: "" };
  const [origin, across, down] = [[0, 0], [100, 0], [0, 100]].map((at) => viewport.canvasToWorld(at));
  const right = direction(frame, difference(across, origin));
  const bottom = direction(frame, difference(down, origin));
  return { top: opposite(bottom), right, bottom, left: opposite(right) };
}

/**
 * @param {number[]} a
 * @param {number[]} b
 */
export function difference(a, b) {
  const parts = [0, 1, 2].map((n) => a[n] - b[n]);
  const size = Math.hypot(...parts) || 1;
  return parts.map((each) => each / size);
}

/**
 * @param {import("../lib/display.js").Frame} frame
 * @param {number[]} way  in the world
 */
function direction(frame, way) {
  if (placed(frame).real) return letters(way);
  const named = frame.plane ? [letters(frame.plane.orientation.slice(0, 3)), letters(frame.plane.orientation.slice(3))] : frame.patientOrientation;
  if (!named) return "";
  const along = Math.abs(way[0]) > Math.abs(way[1]) ? 0 : 1;
  return way[along] > 0 ? named[along] : opposite(named[along]);
}

/** @param {string} label_ */
export function opposite(label_) {
  return [...label_].map((letter) => OPPOSITE.get(letter) ?? "").join("");
}

/**
 * @param {Pane} pane
 * @param {T} t
 */
function describe(pane, t) {
  const { element, stack, study, index, wanted, state, viewport } = pane;
  if (!stack) return;
  const voi = pane.voi();
  const frame = pane.frame ?? stack.frames[wanted];
  element.setAttribute("aria-label", [study?.patient.name, stack.title, t("read.image", { n: wanted + 1, total: stack.frames.length })].filter(Boolean).join(", "));
  const shown = index >= 0 && state !== "fault" && viewport;
  const camera = shown ? viewport.getViewPresentation() : {};
  const corner = shown ? pane.canvasOf([0, 0]) : [0, 0];
  Object.assign(element.dataset, {
    ...{ study: study?.uid, stack: stack.key, instance: frame.instance, slice: index + 1, wanted: wanted + 1, slices: stack.frames.length },
    ...{ window: voi === "lut" ? "lut" : voi ? [voi.center, voi.width].map((each) => Math.round(each * 100) / 100).join() : "", negative: pane.look.negative },
    ...{ rotation: Math.round(camera.rotation ?? 0), zoom: shown ? viewport.getZoom().toFixed(3) : "", scale: shown ? pane.scale().toFixed(4) : "" },
    ...{ corner: joined(corner), farCorner: joined(shown ? pane.canvasOf([frame.columns, frame.rows]) : [0, 0]), applied: pane.applied?.uid ?? "" },
  });
}

/** @param {number[]} place */
function joined(place) {
  return place.map((at) => Number(at).toFixed(2)).join();
}

/**
 * Returns a number with as many digits as people read.
 * @param {number} number
 */
export function short(number) {
  const digits = Math.abs(number) < 10 ? 100 : 10;
  const rounded = Math.round(number * digits) / digits;
  return rounded.toLocaleString(document.documentElement.lang || "vi", { maximumFractionDigits: 2, useGrouping: false });
}

/** @param {string} date  YYYYMMDD */
export function day(date) {
  return /^\d{8}$/.test(date) ? `${date.slice(6)}/${date.slice(4, 6)}/${date.slice(0, 4)}` : date;
}

/** @param {string} time  HHMMSS */
function clock(time) {
  return /^\d{4}/.test(time) ? `${time.slice(0, 2)}:${time.slice(2, 4)}` : "";
}
