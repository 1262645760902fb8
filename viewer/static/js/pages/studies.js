/** List of studies: a whole row opens its study; arrow keys move from row to row. */
import { onBroken } from "../lib/images.js";
import { isTaken, moved } from "../lib/keys.js";

/** @type {HTMLAnchorElement[]} */
const links = Array.from(document.querySelectorAll("a.row-link"));

for (const link of links) {
  link.closest("tr")?.addEventListener("click", (event) => {
    const onControl = event.target instanceof Element && event.target.closest("a, button");
    const selecting = String(getSelection()) !== "";
    if (!onControl && !selecting) link.click();
  });
}

document.addEventListener("keydown", (event) => {
  const here = links.findIndex((link) => link === document.activeElement);
  const sideways = event.key === "ArrowLeft" || event.key === "ArrowRight";
  if (here < 0 || sideways || isTaken(event)) return;
  const next = moved(event.key, here, links.length);
  if (next === null) return;
  event.preventDefault();
  links[next].focus();
});

onBroken((image) => image.classList.add("broken"));
