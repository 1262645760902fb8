/** A study's page: explains previews that fail and opens the others larger. */
import { onBroken } from "../lib/images.js";
import { pageTexts } from "../lib/texts.js";
import { Preview } from "./preview.js";

const t = pageTexts();

/** @type {HTMLAnchorElement[]} */
const tiles = Array.from(document.querySelectorAll("a.preview"));
const preview = new Preview(tiles, t);

tiles.forEach((tile, index) => {
  tile.addEventListener("click", (event) => {
    // A click that asks for a new tab or window gets the plain image there.
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    preview.open(index);
  });
});

onBroken((image) => {
  const tile = image.closest("a.preview");
  image.classList.add("broken");
  if (!tile || tile.querySelector(".problem")) return;
  const problem = document.createElement("span");
  problem.className = "problem";
  problem.textContent = t("study.unreadable");
  tile.append(problem);
});
