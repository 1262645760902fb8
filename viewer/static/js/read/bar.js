/** The bar of tools: what is chosen, what is on, what cannot be done here and why. */
import { PRESETS } from "../lib/voi.js";
import { act } from "./acts.js";
import { volumeProblem } from "./volume.js";

/** @typedef {import("./reader.js").Reader} Reader */

/** @param {Reader} reader */
export function listenToBar(reader) {
  const { root } = reader;
  root.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("button") : null;
    if (!button || button.getAttribute("aria-disabled") === "true") return;
    const { act: name, tool, layout } = button.dataset;
    if (tool) reader.choose(tool);
    if (layout) reader.setLayout(layout);
    if (name) act(reader, name);
  });
  presets(root).addEventListener("change", (event) => {
    choosePreset(reader, /** @type {HTMLSelectElement} */ (event.target).value);
    reader.active.element.focus({ preventScroll: true });
  });
}

/** @param {HTMLElement} root */
function presets(root) {
  return /** @type {HTMLSelectElement} */ (root.querySelector("#presets"));
}

/**
 * Brings the bar up to date with the active pane.
 * @param {Reader} reader
 */
export function drawBar(reader) {
  const { root, active, links, cine } = reader;
  press(root, "data-tool", (name) => name === reader.tool);
  press(root, "data-layout", (name) => name === reader.layout);
  /** @type {Record<string, boolean>} */
  const on = {
    invert: active?.look.negative ?? false,
    sync: links.on,
    lines: reader.linesOn,
    overlays: !reader.bare,
    cine: cine.playing,
    mpr: reader.mpr !== null,
    panel: !root.classList.contains("no-panel"),
    findings: !reader.findings.element.hidden,
    key: reader.findings.isKey(active?.frame ?? null),
  };
  press(root, "data-act", (name) => on[name] ?? null);
  root.dataset.sync = String(links.on);
  root.dataset.layout = reader.layout;
  drawPresets(reader);
  allowMpr(reader);
}

/**
 * @param {HTMLElement} root
 * @param {string} attribute
 * @param {(name: string) => boolean | null} isOn
 */
function press(root, attribute, isOn) {
  for (const button of root.querySelectorAll(`[${attribute}][aria-pressed]`)) {
    const on = isOn(button.getAttribute(attribute) ?? "");
    if (on !== null) button.setAttribute("aria-pressed", String(on));
  }
}

/** @param {Reader} reader */
function drawPresets(reader) {
  const { active, root, t } = reader;
  const select = presets(root);
  const frame = active?.frame ?? active?.stack?.frames[0] ?? null;
  const options = [{ value: "", text: t("read.window.header") }];
  for (const [n, { center, width, name }] of (frame?.windows ?? []).entries()) {
    options.push({ value: `${center},${width}`, text: name || t("read.window.numbered", { n: n + 1, center, width }) });
  }
  if (frame?.shades?.voiLut) options.push({ value: "lut", text: t("read.window.lut") });
  if (active?.stack?.series.modality === "CT") {
    for (const { key, name, center, width } of PRESETS) options.push({ value: `${center},${width}`, text: `${key} ${t(`read.preset.${name}`)}` });
  }
  const wanted = JSON.stringify(options);
  if (select.dataset.options !== wanted) {
    select.dataset.options = wanted;
    select.replaceChildren(...options.map(({ value, text }) => new Option(text, value)));
  }
  const voi = active?.look.voi;
  select.value = voi === "lut" ? "lut" : voi ? `${voi.center},${voi.width}` : "";
  select.disabled = !frame?.stored;
}

/**
 * @param {Reader} reader
 * @param {string} value  of the list, or centre and width
 */
export function choosePreset(reader, value) {
  const { active } = reader;
  const [center, width] = value.split(",").map(Number);
  const named = active.frame?.windows.find((each) => each.center === center && each.width === width);
  const voi = value === "" ? null : { center, width, function: named?.function ?? "LINEAR" };
  if (reader.mpr) reader.mpr.setWindow(value === "lut" ? null : voi);
  else active.setVoi(value === "lut" ? "lut" : voi);
  reader.redrawBar();
}

/** @param {Reader} reader */
function allowMpr({ root, active, t, mpr }) {
  const button = root.querySelector('.read-bar [data-act="mpr"]');
  if (!button) return;
  const problem = active?.stack && !mpr ? volumeProblem(active.stack) : "";
  button.setAttribute("aria-disabled", String(problem !== ""));
  button.setAttribute("title", problem ? t(`read.mpr.${problem}`) : `${t("read.act.mpr")} (m)`);
}
