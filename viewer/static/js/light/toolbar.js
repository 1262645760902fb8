/** What the toolbar, the slider and the list of windows show of the active pane. */
import { PRESETS } from "../lib/voi.js";
import { placeText } from "./labels.js";

/** @typedef {import("./viewer.js").Viewer} Viewer */
/** @typedef {import("./pane.js").Pane} Pane */

/**
 * @param {Viewer} viewer
 * @param {Pane} pane
 */
export function reflect(viewer, pane) {
  const { root, t } = viewer;
  const count = pane.stack?.frames.length ?? 0;
  const tool = viewer.coarse && !viewer.toolChosen ? "scroll" : viewer.tool;
  const playing = viewer.cine?.playing ?? false;
  slide(viewer.slider, pane, count, t);
  for (const button of root.querySelectorAll("button[data-tool]")) {
    button.setAttribute("aria-pressed", String(/** @type {HTMLElement} */ (button).dataset.tool === tool));
  }
  press(root, "invert", pane.negative);
  press(root, "flip", pane.view.flipped);
  press(root, "two", viewer.panes.length > 1);
  press(root, "full", root.classList.contains("full"));
  press(root, "sync", viewer.synchronised, viewer.panes.length > 1);
  press(root, "overlays", pane.overlaysShown, pane.frame?.overlays ?? false);
  press(root, "cine", playing, count > 1);
  listWindows(viewer.presets, pane, t);
  Object.assign(root.dataset, {
    tool,
    layout: viewer.panes.length,
    cine: playing ? "playing" : "",
    state: pane.state,
    slice: pane.index + 1,
    synchronised: viewer.synchronised,
  });
  root.dispatchEvent(new CustomEvent("shown", { detail: pane }));
}

/**
 * @param {HTMLInputElement} slider
 * @param {Pane} pane
 * @param {number} count
 * @param {Viewer["t"]} t
 */
function slide(slider, pane, count, t) {
  slider.max = String(Math.max(count, 1));
  slider.value = String(pane.index + 1);
  slider.disabled = count < 2;
  slider.setAttribute("aria-valuetext", pane.stack ? placeText(pane.stack, pane.index, t) : "");
}

/**
 * @param {HTMLElement} root
 * @param {string} act
 * @param {boolean} on
 * @param {boolean} [offered]
 */
function press(root, act, on, offered = true) {
  const button = /** @type {HTMLElement} */ (root.querySelector(`[data-act="${act}"]`));
  button.setAttribute("aria-pressed", String(on));
  button.hidden = !offered;
}

/**
 * Lists the windows of the header, where it has several, and for CT the presets.
 * @param {HTMLSelectElement} list
 * @param {Pane} pane
 * @param {Viewer["t"]} t
 */
function listWindows(list, pane, t) {
  const own = pane.frame?.windows ?? [];
  const ct = pane.stack?.series.modality === "CT";
  const listed = `${ct} ${own.map(valueOf)}`;
  if (list.dataset.listed !== listed) {
    list.dataset.listed = listed;
    const chosen = new Option(t("viewer.window.chosen"), "chosen");
    chosen.hidden = true;
    list.replaceChildren(
      new Option(t("viewer.window.own"), ""),
      ...(own.length > 1 ? own.map((each) => new Option(each.name || `${each.center} / ${each.width}`, valueOf(each))) : []),
      ...(ct ? PRESETS.map((each) => new Option(`${each.key} ${t(`viewer.preset.${each.name}`)}`, valueOf(each))) : []),
      chosen,
    );
  }
  list.disabled = pane.frame?.stored === null;
  list.value = pane.window ? valueOf(pane.window) : "";
  if (list.selectedIndex < 0) list.value = "chosen";
}

/** @param {{center: number, width: number}} window */
function valueOf({ center, width }) {
  return `${center},${width}`;
}
