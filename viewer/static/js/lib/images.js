/** Images that cannot be shown: each is hidden or explained alone, the rest of the page stays. */

/**
 * Calls `explain` for every image that fails, also for those that failed before this script ran.
 * @param {(image: HTMLImageElement) => void} explain
 */
export function onBroken(explain) {
  document.addEventListener(
    "error",
    (event) => {
      if (event.target instanceof HTMLImageElement) explain(event.target);
    },
    true, // error events do not bubble, but they are captured.
  );
  for (const image of document.images) {
    const failed = image.complete && image.naturalWidth === 0 && image.currentSrc !== "";
    if (failed && !image.currentSrc.endsWith(".svg")) explain(image);
  }
}
