/** The page of the reading viewer: previews at once, Cornerstone when its code is there, or why neither is. */
import { openStudy } from "../lib/display.js";
import { pageTexts } from "../lib/texts.js";
import { fetched, Trouble } from "../lib/trouble.js";
import { listenToBar } from "./bar.js";
import { priorFor, stacksOf } from "./hanging.js";
import { listenToKeys } from "./keys.js";
import { made } from "./panel.js";
import { Reader } from "./reader.js";

/** @typedef {import("../lib/display.js").Study} Study */
/** @typedef {import("./panel.js").Prior} Prior */

/** How long Cornerstone's code waits for the first preview. */
const PATIENCE_MS = 4000;

const root = /** @type {HTMLElement} */ (document.getElementById("reading"));
const t = pageTexts();
const study = root.dataset.study ?? "";

if (root.dataset.bundle !== undefined) {
  if (drawsWebGl2()) start();
  else handOver();
}

function drawsWebGl2() {
  return document.createElement("canvas").getContext("webgl2") !== null;
}

/** Without WebGL2 the light viewer shows the same pixels; a sentence says why it does. */
function handOver() {
  root.dataset.state = "no-webgl";
  const box = made("div", { className: "read-message", role: "alert" });
  const link = made("a", { className: "button main", href: root.dataset.light, textContent: t("read.open_light") });
  box.append(made("p", { textContent: t("read.no_webgl") }), link);
  root.replaceChildren(box);
  link.focus();
}

async function start() {
  const reader = new Reader(root, t, JSON.parse(document.getElementById("protocols")?.textContent ?? "{}").protocols);
  listenToBar(reader);
  listenToKeys(reader);
  const opened = await open(reader);
  if (!opened) return;
  try {
    await previewed(reader);
    // A frame is small beside the code, and so is there when the code is.
    for (const { stack, wanted } of reader.panes) if (stack) reader.source.load(stack.frames[wanted], 0).catch(() => {});
    const { core, tools } = await import("../../vendor/cornerstone.js");
    core.init();
    tools.init();
    await reader.begin(core, tools);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    reader.notice(t("read.bundle.failed"));
    throw error;
  }
}

/**
 * Waits until the first preview is there: Cornerstone's code is ten times as large, and would hold it up.
 * @param {Reader} reader
 * @returns {Promise<void>}
 */
function previewed({ active }) {
  const image = /** @type {HTMLImageElement} */ (active.element.querySelector("img.first"));
  if (image.complete) return Promise.resolve();
  return new Promise((resolve) => {
    for (const event of ["load", "error"]) image.addEventListener(event, () => resolve(), { once: true });
    setTimeout(resolve, PATIENCE_MS);
  });
}

/**
 * Opens the study and hangs it, with a prior beside if there is one; returns whether it did.
 * @param {Reader} reader
 * @returns {Promise<boolean>}
 */
async function open(reader) {
  neighbours();
  try {
    const [current, priors] = await Promise.all([openStudy(study), priorsOf()]);
    reader.panel.priors = priors;
    const prior = priorFor(priors, current);
    reader.hang(current, prior !== null);
    if (stacksOf(current).length === 0) sayThereIsNothing(reader);
    if (prior) openStudy(prior.uid).then((found) => reader.hangPrior(found), () => reader.notice(t("read.prior.failed")));
    return true;
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    if (error.kind === "expired" && (await reader.renewed())) return open(reader);
    reader.explain(reader.active, error);
    reader.active.say("fault");
    return false;
  }
}

/**
 * A study without images may have reports, waveforms or videos, which its page shows.
 * @param {Reader} reader
 */
function sayThereIsNothing({ active }) {
  const link = made("a", { className: "button main", href: root.dataset.light, textContent: t("read.light") });
  active.element.querySelector(".empty")?.replaceChildren(made("p", { role: "status", textContent: t("read.no_images") }), link);
}

/** @returns {Promise<Prior[]>} */
async function priorsOf() {
  try {
    return (await (await fetched(`/api/studies/${encodeURIComponent(study)}/priors`)).json()).priors;
  } catch (error) {
    if (error instanceof Trouble) return [];
    throw error;
  }
}

/** Shows the way to the studies before and after this one in the list that it was opened from. */
async function neighbours() {
  const { list } = root.dataset;
  if (list === undefined) return;
  const found = await fetched(`/api/worklist/neighbours?${new URLSearchParams({ study, list })}`).then((answer) => answer.json(), () => null);
  if (!found) return;
  for (const way of /** @type {const} */ (["previous", "next"])) {
    const link = /** @type {HTMLAnchorElement} */ (root.querySelector(`[data-neighbour="${way}"]`));
    if (found[way]) link.href = `/read/${encodeURIComponent(found[way])}?${new URLSearchParams({ list })}`;
    else link.setAttribute("aria-disabled", "true");
  }
  const place = /** @type {HTMLElement} */ (root.querySelector("[data-place]"));
  if (found.place) place.textContent = found.total ? t("read.place", { n: found.place, total: found.total }) : String(found.place);
  /** @type {HTMLElement} */ (root.querySelector(".read-next")).hidden = false;
}
