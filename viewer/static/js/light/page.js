/** A study's page: starts the viewer, and lets series, priors and keys of the page lead into it. */
import { openStudy, thumbnailUrl } from "../lib/display.js";
import { onBroken } from "../lib/images.js";
import { isTaken } from "../lib/keys.js";
import { pageTexts } from "../lib/texts.js";
import { Trouble } from "../lib/trouble.js";
import { button, renewed, sayIn } from "./faults.js";
import { Viewer } from "./viewer.js";

/** @typedef {import("../lib/display.js").Study} Study */
/** @typedef {import("../lib/display.js").Series} Series */
/** @typedef {import("./pane.js").Pane} Pane */

const TOOLS_AFTER_MS = 2000;

const t = pageTexts();
const root = /** @type {HTMLElement} */ (document.getElementById("viewer"));
const pane = /** @type {HTMLElement} */ (root.querySelector(".pane"));
const picture = /** @type {HTMLImageElement | null} */ (pane.querySelector("img.first"));
const links = Array.from(document.querySelectorAll("a[data-series]"), (each) => /** @type {HTMLAnchorElement} */ (each));
const viewer = new Viewer(root, t);

/** @type {Study | null} the study of this page, as soon as it is known */
let known = null;

root.classList.add("running");
onBroken((image) => image.classList.add("broken"));
start();

async function start() {
  try {
    begin(await openStudy(root.dataset.study ?? ""));
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    sayIn(pane, t(`trouble.${error.kind}`), [button(t("viewer.retry"), start)]);
    if (error.kind === "expired" && (await renewed(viewer))) start();
  }
}

/** Fetches what is only needed by a later click, while nothing else is: the network may be gone by then. */
function fetchTools() {
  const tools = [import("./beside.js"), import("./cine.js"), import("./documents.js"), import("./measures.js")];
  // What does not come now is asked for again by the click.
  for (const tool of tools) tool.catch(() => {});
}

/** @param {Study} study */
function begin(study) {
  known = study;
  viewer.open(study, firstOf(study));
  if (!viewer.active.stack) showFirstDocument(study);
  for (const link of links) furnish(link, study);
  root.addEventListener("shown", (event) => mark(/** @type {CustomEvent<Pane>} */ (event).detail));
  mark(viewer.active);
  root.dataset.ready = "";
  setTimeout(fetchTools, TOOLS_AFTER_MS);
}

/**
 * Returns the frame whose preview the page came with.
 * @param {Study} study
 */
function firstOf(study) {
  const { instance, frame = "1" } = root.dataset;
  for (const stack of study.series.flatMap((series) => series.stacks)) {
    const index = stack.frames.findIndex((each) => each.instance === instance && each.number === Number(frame));
    if (index >= 0) return { stack, index, picture };
  }
  return null;
}

/** @param {Study} study */
function showFirstDocument(study) {
  const series = study.series.find(({ uid }) => uid === root.dataset.series) ?? study.series[0];
  if (series?.documents.length) showDocument(series.documents[0]);
}

/** @param {import("../lib/display.js").Instance} instance */
async function showDocument(instance) {
  const documents = await import("./documents.js");
  documents.showDocument(viewer, instance);
  markSeries((series) => series.documents.includes(instance));
}

/**
 * Lets a series of the strip open in the viewer; parts of one that has several get a button each.
 * @param {HTMLAnchorElement} link
 * @param {Study} study
 */
function furnish(link, study) {
  const series = study.series.find(({ uid }) => uid === link.dataset.series);
  if (!series) return;
  const parts = [
    ...series.stacks.map((stack) => ({ text: String(stack.frames.length), address: thumbnailUrl(stack, 96), open: () => viewer.showStack(stack, { study }) })),
    ...series.documents.map((each) => ({ text: t(`kind.${each.kind}`), address: `${each.address}/thumbnail?viewport=96,96`, open: () => showDocument(each) })),
  ];
  link.addEventListener("click", (event) => {
    // A click that asks for a new tab or window gets the page there.
    if (event.ctrlKey || event.metaKey || event.shiftKey || !parts.length) return;
    event.preventDefault();
    parts[0].open();
    root.scrollIntoView({ block: "nearest" });
  });
  if (parts.length > 1) link.after(partList(parts));
}

/** @param {{text: string, address: string, open: () => unknown}[]} parts */
function partList(parts) {
  const list = document.createElement("div");
  list.className = "parts";
  for (const { text, address, open } of parts) {
    const button = document.createElement("button");
    button.type = "button";
    const image = Object.assign(new Image(48, 48), { src: address, alt: "", loading: "lazy" });
    button.append(image, text);
    button.addEventListener("click", open);
    list.append(button);
  }
  return list;
}

/** @param {Pane} shown */
function mark(shown) {
  const tags = /** @type {HTMLAnchorElement | null} */ (document.getElementById("tags-link"));
  if (tags && shown.frame && shown.study) {
    tags.href = `/studies/${encodeURIComponent(shown.study.uid)}/tags?${new URLSearchParams({ instance: shown.frame.instance })}`;
  }
  markSeries((series) => shown.stack !== null && series.stacks.includes(shown.stack));
}

/** @param {(series: Series) => boolean} isShown */
function markSeries(isShown) {
  const uid = known?.series.find(isShown)?.uid;
  for (const link of links) {
    if (link.dataset.series === uid) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

for (const each of document.querySelectorAll("button[data-beside]")) {
  const button = /** @type {HTMLButtonElement} */ (each);
  button.hidden = false;
  button.addEventListener("click", () => besideOf(button));
}

for (const link of document.querySelectorAll("a[data-document]")) {
  link.addEventListener("click", (event) => {
    const { document: uid } = /** @type {HTMLElement} */ (link).dataset;
    const found = known?.series.flatMap((series) => series.documents).find((each) => each.uid === uid);
    if (!found) return;
    event.preventDefault();
    showDocument(found);
  });
}

/** @param {HTMLButtonElement} button */
async function besideOf(button) {
  const said = /** @type {HTMLElement} */ (document.getElementById("beside-status"));
  said.textContent = t("viewer.opening");
  button.disabled = true;
  try {
    const { openPrior } = await import("./beside.js");
    const opened = await openPrior(viewer, button.dataset.beside ?? "");
    said.textContent = opened ? "" : t("viewer.no_picture");
    if (opened) root.scrollIntoView({ block: "nearest" });
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    said.textContent = t(`trouble.${error.kind}`);
  } finally {
    button.disabled = false;
  }
}

if (root.dataset.list !== undefined) neighbours(root.dataset.list);

/**
 * Links the studies before and after this one in the list somebody came from; keys b and n follow them.
 * @param {string} query
 */
async function neighbours(query) {
  const asked = new URLSearchParams({ study: root.dataset.study ?? "", list: query });
  const answer = await fetch(`/api/worklist/neighbours?${asked}`).catch(() => null);
  if (!answer?.ok) return;
  const found = await answer.json();
  for (const which of ["previous", "next"]) {
    const link = /** @type {HTMLAnchorElement | null} */ (document.getElementById(`study-${which}`));
    if (!link || !found[which]) continue;
    link.href = `/studies/${encodeURIComponent(found[which])}?${new URLSearchParams({ list: query })}`;
    link.hidden = false;
  }
}

document.addEventListener("keydown", (event) => {
  const which = { n: "next", b: "previous" }[event.key];
  if (!which || isTaken(event) || document.querySelector("dialog[open]")) return;
  const link = /** @type {HTMLAnchorElement | null} */ (document.getElementById(`study-${which}`));
  if (link && !link.hidden) link.click();
});
