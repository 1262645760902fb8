/** Two stacks side by side: a prior study, or another series; the same place in both. */
import { openStudy } from "../lib/display.js";
import { depth, normalOf, toPatient } from "../lib/geometry.js";

/** @typedef {import("./viewer.js").Viewer} Viewer */
/** @typedef {import("./pane.js").Pane} Pane */
/** @typedef {import("../lib/display.js").Study} Study */
/** @typedef {import("../lib/display.js").Stack} Stack */

/** Planes that lean less against each other count as parallel: the cosine of about 18 degrees. */
const PARALLEL = 0.95;

/**
 * Returns the image of `other` at the place that `pane` shows: by position where both are in one frame of
 * reference, else by how far through the stack it is; null if the planes cross.
 * @param {Pane} pane
 * @param {Pane} other
 */
export function placeIn(pane, other) {
  const { frame, stack, index } = pane;
  if (!frame || !stack || !other.stack || !other.frame) return null;
  if (frame.plane && frame.plane.frameOfReference !== "" && frame.plane.frameOfReference === other.frame.plane?.frameOfReference) {
    return byPosition(frame, other.stack);
  }
  const share = index / Math.max(stack.frames.length - 1, 1);
  return Math.round(share * (other.stack.frames.length - 1));
}

/**
 * @param {import("../lib/display.js").Frame} frame
 * @param {Stack} stack
 */
function byPosition(frame, stack) {
  const middle = toPatient(frame, [frame.columns / 2, frame.rows / 2]);
  const plane = stack.frames[0].plane;
  if (!middle || !plane || !frame.plane) return null;
  const normal = normalOf(plane);
  const own = normalOf(frame.plane);
  if (Math.abs(own[0] * normal[0] + own[1] * normal[1] + own[2] * normal[2]) < PARALLEL) return null;
  const wanted = middle[0] * normal[0] + middle[1] * normal[1] + middle[2] * normal[2];
  let best = 0;
  let least = Infinity;
  stack.frames.forEach((each, index) => {
    const far = each.plane ? Math.abs(depth(each.plane, normal) - wanted) : Infinity;
    if (far < least) [best, least] = [index, far];
  });
  return best;
}

/**
 * Opens a second pane with the next stack of the study, or with one given.
 * @param {Viewer} viewer
 * @param {{study: Study, stack: Stack}} [given]
 */
export function openBeside(viewer, given) {
  const { active } = viewer;
  const study = given?.study ?? active.study;
  if (!study || !active.stack) return;
  if (viewer.panes.length < 2) {
    const element = document.createElement("div");
    element.className = "pane";
    viewer.panes[0].element.after(element);
    viewer.root.classList.add("two");
    viewer.panes.push(viewer.makePane(element));
  }
  const first = viewer.panes[0];
  const other = viewer.panes[1];
  const stacks = study.series.flatMap((series) => series.stacks);
  const following = stacks[stacks.indexOf(/** @type {Stack} */ (first.stack)) + 1] ?? stacks[0];
  other.show(study, given?.stack ?? following, 0);
  viewer.activate(first);
  viewer.follow(first);
}

/** @param {Viewer} viewer */
export function closeBeside(viewer) {
  const [kept, ...others] = viewer.panes;
  for (const pane of others) {
    pane.leave();
    pane.element.remove();
  }
  viewer.panes = [kept];
  viewer.root.classList.remove("two");
  viewer.activate(kept);
}

/**
 * Opens a study of the same patient beside the one on screen: the stack most like it.
 * @param {Viewer} viewer
 * @param {string} uid
 */
export async function openPrior(viewer, uid) {
  const study = await openStudy(uid);
  const stack = mostAlike(study, viewer.panes[0].stack);
  if (stack) openBeside(viewer, { study, stack });
  return stack !== null;
}

/**
 * Returns the stack with the same modality, body part and words, of several the longest.
 * @param {Study} study
 * @param {Stack | null} shown
 * @returns {Stack | null}
 */
export function mostAlike(study, shown) {
  const stacks = study.series.flatMap((series) => series.stacks);
  const words = wordsOf(shown?.title ?? "");
  const worth = (/** @type {Stack} */ stack) => {
    const { series } = stack;
    const same = wordsOf(stack.title).filter((word) => words.includes(word)).length;
    return (
      (series.modality === shown?.series.modality ? 1000 : 0) +
      (series.bodyPart && series.bodyPart === shown?.series.bodyPart ? 100 : 0) +
      ((stack.frames.length > 1) === ((shown?.frames.length ?? 0) > 1) ? 50 : 0) +
      Math.min(same, 4) * 10 +
      Math.min(stack.frames.length, 900) / 100
    );
  };
  return stacks.reduce((/** @type {Stack | null} */ best, each) => (best && worth(best) >= worth(each) ? best : each), null);
}

/** @param {string} text */
function wordsOf(text) {
  return text.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter(Boolean);
}
