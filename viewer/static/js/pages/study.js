/** Starts the viewer of a study's page once the first picture is there: its scripts must not keep that waiting. */

/** A picture that takes longer is waited for with the viewer, which says so. */
const LONGEST_MS = 1500;

/** @returns {Promise<unknown>} */
function firstPicture() {
  const picture = /** @type {HTMLImageElement | null} */ (document.querySelector("img.first"));
  if (!picture || picture.complete) return Promise.resolve();
  return new Promise((resolve) => {
    picture.addEventListener("load", resolve);
    picture.addEventListener("error", resolve);
    setTimeout(resolve, LONGEST_MS);
  });
}

/** Fetches every module and the description of the study at once; they would be found one after the other. */
function fetchAll() {
  /** @type {string[]} */
  const modules = JSON.parse(document.getElementById("modules")?.textContent ?? "[]");
  for (const href of modules) document.head.append(Object.assign(document.createElement("link"), { rel: "modulepreload", href }));
  const study = encodeURIComponent(document.getElementById("viewer")?.dataset.study ?? "");
  const description = { rel: "preload", as: "fetch", crossOrigin: "anonymous", href: `/api/studies/${study}/display` };
  document.head.append(Object.assign(document.createElement("link"), description));
}

firstPicture().then(() => {
  fetchAll();
  return import("../light/page.js");
});
