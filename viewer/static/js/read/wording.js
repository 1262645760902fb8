/** Measurements in words: numbers as the reader's language writes them, units as they stand. */

/** @typedef {import("./values.js").Value} Value */
/** @typedef {ReturnType<typeof import("../lib/texts.js").pageTexts>} T */

/** @type {Record<string, string>} */
const SIGNS = { mm: " mm", px: " px", deg: "°", mm2: " mm²", px2: " px²", HU: " HU", 1: "" };

/**
 * Returns what stands beside a measurement, line by line.
 * @param {Value[]} values
 * @param {boolean} detector  whether millimetres are those of the detector's plane
 * @param {T} t
 * @returns {string[]}
 */
export function linesOf(values, detector, t) {
  const by = new Map(values.map((each) => [each.name, each]));
  const lines = [];
  for (const name of ["length", "angle", "area", "value"]) {
    const found = by.get(name);
    if (found) lines.push(quantity(found) + (detector && found.unit.startsWith("mm") ? ` (${t("read.detector")})` : ""));
  }
  const [mean, deviation, least, most] = ["mean", "deviation", "minimum", "maximum"].map((name) => by.get(name));
  if (mean && deviation) lines.push(t("read.value.mean", { mean: written(mean.value), deviation: quantity(deviation) }));
  if (least && most) lines.push(t("read.value.range", { low: written(least.value), high: quantity(most) }));
  return lines;
}

/** @param {Value} value */
function quantity({ value, unit }) {
  return `${written(value)}${SIGNS[unit] ?? ` ${unit}`}`;
}

/** @param {number} value */
function written(value) {
  return value.toLocaleString(document.documentElement.lang, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}
