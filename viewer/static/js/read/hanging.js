/** Which stack hangs in which pane when a study is opened: the first protocol that suits. Pure. */

/** @typedef {import("../lib/display.js").Study} Study */
/** @typedef {import("../lib/display.js").Stack} Stack */
/** @typedef {{study: "current" | "prior", modalities: string[], words: string[], views: string[], laterality: string, window: string, again: boolean}} Place */
/** @typedef {{layout: string, panes: Place[]}} Arrangement */
/** @typedef {Arrangement & {name: string, modalities: string[], bodyParts: string[], words: string[], withPrior: Arrangement | null}} Protocol */
/** @typedef {{study: Study, stack: Stack, window: string} | null} Hung */
/** @typedef {{uid: string, modalities: string[], bodyParts: string[], images: number}} Prior */

const SAME_DIRECTION = 0.2;
/** Planning images and what was made from images come last: they are not what a reader opens a study for. */
const PLANNING = /scout|topogram|locali[sz]er|survey|surview/i;
const DERIVED = new Set(["SEG", "RTDOSE"]);

/**
 * Returns the stacks of a study in the order in which they are read.
 * @param {Study} study
 */
export function stacksOf(study) {
  const stacks = study.series.flatMap((series) => series.stacks);
  const late = (/** @type {Stack} */ { series }) => DERIVED.has(series.modality) || PLANNING.test(series.description);
  return [...stacks.filter((stack) => !late(stack)), ...stacks.filter(late)];
}

/**
 * @param {Protocol[]} protocols
 * @param {Study} study
 * @returns {Protocol}
 */
export function protocolFor(protocols, study) {
  return protocols.find((each) => suits(each, study)) ?? protocols[protocols.length - 1];
}

/**
 * @param {Protocol} protocol
 * @param {Study} study
 */
function suits({ modalities, bodyParts, words }, study) {
  const series = study.series.filter(({ modality, stacks }) => stacks.length > 0 && (modalities.length === 0 || modalities.includes(modality)));
  if (series.length === 0) return false;
  if (bodyParts.length === 0 && words.length === 0) return true;
  if (series.some(({ bodyPart }) => bodyParts.includes(bodyPart.toUpperCase()))) return true;
  return series.some(({ description, bodyPart }) => !bodyPart && speaksOf(`${study.description} ${description}`, words));
}

/**
 * Says whether a text holds one of some words as a whole word, without regard to case.
 * @param {string} text
 * @param {string[]} words
 */
export function speaksOf(text, words) {
  const plain = (/** @type {string} */ some) => ` ${some.normalize("NFC").toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ").trim()} `;
  return words.some((word) => plain(text).includes(plain(word)));
}

/**
 * Fills the panes of an arrangement: each takes the first stack that suits it and hangs nowhere yet.
 * @param {Arrangement} arrangement
 * @param {Study} study
 * @param {Study | null} prior
 * @returns {Hung[]}
 */
export function hang(arrangement, study, prior) {
  /** @type {Set<Stack>} */
  const used = new Set();
  /** @type {Hung[]} */
  const hung = [];
  for (const place of arrangement.panes) {
    const from = place.study === "prior" ? prior : study;
    const partner = place.study === "prior" ? partnerFor(hung, study) : null;
    const stack = from ? stackFor(place, from, used, partner, hung[0]?.stack) : null;
    if (stack) used.add(stack);
    hung.push(stack && from ? { study: from, stack, window: place.window } : null);
  }
  return hung;
}

/**
 * Returns the current stack that the next stack of a prior hangs beside: the first prior goes with the first, and so on.
 * @param {Hung[]} hung
 * @param {Study} study
 */
function partnerFor(hung, study) {
  const current = hung.filter((each) => each?.study === study);
  return current[hung.length - current.length]?.stack ?? null;
}

/**
 * @param {Place} place
 * @param {Study} from
 * @param {Set<Stack>} used
 * @param {Stack | null} partner
 * @param {Stack | undefined} shown  in the first pane
 * @returns {Stack | null}
 */
function stackFor(place, from, used, partner, shown) {
  const free = stacksOf(from).filter((stack) => !used.has(stack));
  if (partner) free.sort((one, other) => likeness(other, partner) - likeness(one, partner));
  return free.find((stack) => wants(place, stack)) ?? (place.again ? (shown ?? null) : (free[0] ?? null));
}

/**
 * @param {Place} place
 * @param {Stack} stack
 */
function wants({ modalities, words, views, laterality }, { series, frames }) {
  const { viewPosition, laterality: side } = frames[0];
  if (modalities.length > 0 && !modalities.includes(series.modality)) return false;
  if (views.length > 0 && !views.includes(viewPosition)) return false;
  if (laterality && laterality !== (side || series.laterality)) return false;
  return words.length === 0 || speaksOf(series.description, words);
}

/**
 * Returns how well two stacks of different studies go side by side.
 * @param {Stack} stack
 * @param {Stack} other
 */
export function likeness(stack, other) {
  const [a, b] = [stack.frames[0], other.frames[0]];
  const same = (/** @type {boolean} */ condition, /** @type {number} */ points) => (condition ? points : 0);
  return (
    same(stack.series.modality === other.series.modality, 8) +
    same(a.viewPosition === b.viewPosition, 4) +
    same(stack.series.description !== "" && stack.series.description === other.series.description, 4) +
    same(a.plane !== null && b.plane !== null && alongSame(a.plane.orientation, b.plane.orientation), 3) +
    same(stack.series.bodyPart === other.series.bodyPart, 2) +
    same(stack.frames.length > 1 === other.frames.length > 1, 1)
  );
}

/**
 * @param {number[]} a
 * @param {number[]} b
 */
function alongSame(a, b) {
  return a.every((each, n) => Math.abs(each - b[n]) < SAME_DIRECTION);
}

/**
 * Returns the prior to hang beside: the newest of the same modality and body part, or whose body part nobody knows.
 * @template {Prior} P
 * @param {P[]} priors  newest first
 * @param {Study} study
 * @returns {P | null}
 */
export function priorFor(priors, study) {
  const modalities = new Set(study.series.filter(({ stacks }) => stacks.length > 0).map(({ modality }) => modality));
  const parts = new Set(study.series.map(({ bodyPart }) => bodyPart.toUpperCase()).filter(Boolean));
  const alike = priors.filter((each) => each.images > 0 && each.modalities.some((one) => modalities.has(one)));
  const unknown = (/** @type {Prior} */ { bodyParts }) => bodyParts.length === 0 || parts.size === 0;
  return alike.find(({ bodyParts }) => bodyParts.some((part) => parts.has(part.toUpperCase()))) ?? alike.find(unknown) ?? null;
}
