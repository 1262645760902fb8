/** What the mouse and fingers do: Cornerstone's tools, with our own window and scroll, and our own arithmetic. */
import { pointsOf, TOOLS } from "./marks.js";
import { valuesOf } from "./values.js";
import { linesOf } from "./wording.js";

/** @typedef {import("./reader.js").Reader} Reader */
/** @typedef {import("./values.js").Kind} Kind */

const GROUP = "reading";
const MPR_GROUP = "mpr";
const WINDOW = "GatewayWindow";
const SCROLL = "GatewayScroll";
/** Finger or mouse travel for one place of a stack. */
const SCROLL_TRAVEL = 12;
/** A finger that lies still for so long chooses the window when it moves. */
const HOLD_MS = 450;
/** How many times as large as around it the magnifier shows the image. */
const MAGNIFIED = 3;
const IMAGE = "imageId:";

/** Tools of the bar that are no measurements. */
/** @type {Record<string, string>} */
const HANDLING = { window: WINDOW, zoom: "Zoom", pan: "Pan", magnify: "Magnify", crosshairs: "Crosshairs" };

/** @param {string} name  of the bar */
export function toolNameOf(name) {
  return HANDLING[name] ?? TOOLS[/** @type {Kind} */ (name)];
}

/**
 * Makes the tools known to Cornerstone, and the groups of panes and of MPR.
 * @param {Reader} reader
 */
export function prepareTools(reader) {
  const { tools } = reader;
  const own = ownTools(reader);
  const classes = [
    ...own,
    ...[tools.ZoomTool, tools.PanTool, tools.MagnifyTool, tools.LengthTool, tools.AngleTool, tools.CobbAngleTool],
    ...[tools.EllipticalROITool, tools.RectangleROITool, tools.PlanarFreehandROITool, tools.ArrowAnnotateTool, tools.ProbeTool],
  ];
  for (const each of [...classes, tools.CrosshairsTool]) tools.addTool(each);
  styleTools(tools);
  const group = tools.ToolGroupManager.createToolGroup(GROUP);
  const mpr = tools.ToolGroupManager.createToolGroup(MPR_GROUP);
  for (const each of [group, mpr]) fill(each, reader);
  reader.group = group;
  reader.mprGroup = mpr;
}

/**
 * @param {any} group
 * @param {Reader} reader
 */
function fill(group, reader) {
  for (const name of [WINDOW, SCROLL, "Zoom", "Pan"]) group.addTool(name);
  // Cornerstone gives one finger to the first tool with a mode that has it or the left button.
  group.setToolPassive(SCROLL);
  group.addTool("Magnify", { magnifySize: MAGNIFIED });
  for (const [kind, name] of Object.entries(TOOLS)) {
    // Some tools hand over one target, some a list of it.
    const getTextLines = (/** @type {any} */ data, /** @type {string | string[]} */ target) => textOf(reader, /** @type {Kind} */ (kind), data, [target].flat()[0]);
    const getTextCallback = (/** @type {(text: string) => void} */ done) => reader.askText("").then(done);
    const changeTextCallback = (/** @type {any} */ data, /** @type {any} */ _, /** @type {(data: any, text: string) => void} */ done) =>
      reader.askText(data.data?.label ?? "").then((text) => text && done(data, text));
    group.addTool(name, kind === "arrow" ? { getTextCallback, changeTextCallback, arrowFirst: true } : { getTextLines });
  }
}

/**
 * Gives the chosen tool the left button and, unless it is the window, one finger; the others keep theirs.
 * @param {any} group
 * @param {string} name  of the bar
 * @param {any} tools
 */
export function chooseTool(group, name, tools) {
  const { Primary, Secondary, Auxiliary } = tools.Enums.MouseBindings;
  const chosen = toolNameOf(name);
  for (const each of Object.values(TOOLS)) if (group.hasTool(each)) group.setToolPassive(each, { removeAllBindings: true });
  for (const each of [WINDOW, "Magnify"]) group.setToolPassive(each, { removeAllBindings: true });
  if (group.hasTool("Crosshairs") && chosen !== "Crosshairs") group.setToolPassive("Crosshairs", { removeAllBindings: true });
  const bindings = { [chosen]: [{ mouseButton: Primary }] };
  const add = (/** @type {string} */ tool, /** @type {any} */ binding) => (bindings[tool] = [...(bindings[tool] ?? []), binding]);
  add("Zoom", { mouseButton: Secondary });
  add("Pan", { mouseButton: Auxiliary });
  add("Zoom", { numTouchPoints: 2 });
  add(chosen === WINDOW ? SCROLL : chosen, { numTouchPoints: 1 });
  for (const each of ["Zoom", "Pan", SCROLL]) group.setToolPassive(each, { removeAllBindings: true });
  for (const [tool, list] of Object.entries(bindings)) group.setToolActive(tool, { bindings: list });
}

/** @param {Reader} reader */
function ownTools(reader) {
  const { BaseTool } = reader.tools;
  const defaults = { supportedInteractionTypes: ["Mouse", "Touch"] };
  class WindowTool extends BaseTool {
    static toolName = WINDOW;
    constructor(properties = {}) {
      super(properties, defaults);
    }
    /** @param {any} event */
    mouseDragCallback({ detail }) {
      const [right, down] = detail.deltaPoints.canvas;
      reader.viewOf(detail.element)?.dragWindow(right, down);
    }
    /** @param {any} event */
    touchDragCallback(event) {
      this.mouseDragCallback(event);
    }
  }
  class ScrollTool extends BaseTool {
    static toolName = SCROLL;
    constructor(properties = {}) {
      super(properties, defaults);
      this.travelled = 0;
      this.touchedAt = 0;
      /** Whether the finger lay still before it moved; null until it moves. @type {boolean | null} */
      this.held = null;
    }
    preTouchStartCallback() {
      this.touchedAt = performance.now();
      this.held = null;
    }
    /** @param {any} event */
    touchDragCallback({ detail }) {
      this.held = this.held ?? performance.now() - this.touchedAt > HOLD_MS;
      const [right, down] = detail.deltaPoints.canvas;
      if (this.held) return reader.viewOf(detail.element)?.dragWindow(right, down);
      this.travelled += detail.deltaPoints.canvas[1];
      const places = Math.trunc(this.travelled / SCROLL_TRAVEL);
      this.travelled -= places * SCROLL_TRAVEL;
      if (places) reader.viewOf(detail.element)?.scroll(places);
      return undefined;
    }
  }
  return [WindowTool, ScrollTool];
}

/**
 * Returns the text beside a measurement: by our own arithmetic on images, by Cornerstone's within volumes.
 * @param {Reader} reader
 * @param {Kind} kind
 * @param {any} data
 * @param {string} target
 */
function textOf(reader, kind, data, target) {
  if (!target.startsWith(IMAGE)) return volumeText(reader, kind, data, target);
  const frame = reader.images.frameOf(target.slice(IMAGE.length));
  const points = frame && pointsOf({ metadata: { toolName: TOOLS[kind] }, data }, frame);
  if (!frame || !points) return [];
  const values = valuesOf(kind, frame, points, reader.source.peek(frame));
  return [...linesOf(values, frame.spacing?.kind === "detector", reader.t), ...(data.label ? [data.label] : [])];
}

/**
 * Within a volume, points are millimetres in the patient.
 * @param {Reader} reader
 * @param {Kind} kind
 * @param {any} data
 * @param {string} target
 */
function volumeText({ t }, kind, data, target) {
  const found = data.cachedStats?.[target];
  const { points } = data.handles;
  if (kind === "length") return linesOf([{ name: "length", value: Math.hypot(...[0, 1, 2].map((n) => points[0][n] - points[1][n])), unit: "mm" }], false, t);
  if (!found) return [];
  if (kind === "angle" || kind === "cobb") return linesOf([{ name: "angle", value: found.angle, unit: "deg" }], false, t);
  if (kind === "probe") return typeof found.value === "number" ? linesOf([{ name: "value", value: found.value, unit: "HU" }], false, t) : [];
  const values = [
    { name: "area", value: found.area, unit: "mm2" },
    { name: "mean", value: found.mean, unit: "1" },
    { name: "deviation", value: found.stdDev, unit: "1" },
  ];
  return linesOf(values.filter(({ value }) => typeof value === "number"), false, t);
}

/** @param {any} tools */
function styleTools(tools) {
  const { style } = tools.annotation.config;
  const base = style.getDefaultToolStyles();
  const colours = { color: "rgb(255, 214, 10)", colorHighlighted: "rgb(120, 230, 255)", colorSelected: "rgb(120, 230, 255)", colorLocked: "rgb(150, 220, 150)" };
  const text = { textBoxFontFamily: "system-ui, sans-serif", textBoxFontSize: "13px", textBoxColor: "rgb(255, 226, 90)", textBoxColorHighlighted: "rgb(160, 238, 255)", textBoxColorSelected: "rgb(160, 238, 255)", textBoxColorLocked: "rgb(170, 230, 170)", textBoxBackground: "", textBoxLinkLineWidth: "1" };
  style.setDefaultToolStyles({ ...base, global: { ...base.global, ...colours, ...text, lineWidth: "1.5", shadow: true } });
}
