/** What is no still image, in the place of one: reports, PDF, tracings, films. */
import { download, sayIn } from "./faults.js";

/** @typedef {import("./viewer.js").Viewer} Viewer */
/** @typedef {import("../lib/display.js").Instance} Instance */

/** Kinds that a frame of their own shows as they are. */
const FRAMED = ["report", "key_objects", "pdf", "document"];
/** Kinds that the server draws. */
const DRAWN = ["presentation", "waveform"];

/**
 * @param {Viewer} viewer
 * @param {Instance} instance
 */
export function showDocument(viewer, instance) {
  const { active, t } = viewer;
  viewer.cine?.stop();
  active.leave();
  active.element.querySelector(".document")?.remove();
  const holder = document.createElement("div");
  holder.className = "document";
  holder.dataset.kind = instance.kind;
  holder.append(...contents(instance, t));
  active.element.append(holder);
  active.element.classList.add("holds-document");
  if (!holder.firstChild) sayIn(active.element, t("viewer.no_picture"), [download(instance.address, t("viewer.download"))]);
}

/**
 * @param {Instance} instance
 * @param {Viewer["t"]} t
 * @returns {HTMLElement[]}
 */
function contents({ kind, address }, t) {
  const rendered = `${address}/rendered`;
  const name = t(`kind.${kind}`);
  if (kind === "video") return [film(rendered, name)];
  if (DRAWN.includes(kind)) return [Object.assign(new Image(), { src: rendered, alt: name })];
  if (!FRAMED.includes(kind)) return [];
  const frame = document.createElement("iframe");
  frame.src = rendered;
  frame.title = name;
  const link = document.createElement("a");
  Object.assign(link, { href: rendered, target: "_blank", rel: "noopener", className: "button", textContent: t("viewer.own_tab") });
  return [link, frame];
}

/**
 * @param {string} address
 * @param {string} name
 */
function film(address, name) {
  const video = document.createElement("video");
  Object.assign(video, { src: address, controls: true, playsInline: true, loop: true, preload: "auto" });
  video.setAttribute("aria-label", name);
  return video;
}
