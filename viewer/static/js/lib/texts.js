/** The texts a page hands to its script, in the reader's language. */

/**
 * Reads the page's own texts.
 * @returns {(key: string, values?: Record<string, string | number>) => string}
 */
export function pageTexts() {
  const data = document.getElementById("texts");
  /** @type {Record<string, string>} */
  const texts = JSON.parse(data?.textContent ?? "{}");
  return (key, values = {}) => fill(texts[key], values);
}

/**
 * Fills `{name}` placeholders.
 * @param {string} text
 * @param {Record<string, string | number>} values
 */
export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}
