/** List of studies: keys, whole rows that open a study, arrivals. */
import { onBroken } from "../lib/images.js";
import { pageTexts } from "../lib/texts.js";
import { listenToKeys } from "../worklist/keys.js";
import { keepLive } from "../worklist/live.js";

const list = document.getElementById("list");

list?.addEventListener("click", (event) => {
  if (!(event.target instanceof Element) || event.target.closest("a, button")) return;
  const selecting = String(getSelection()) !== "";
  const link = event.target.closest("tr")?.querySelector("a.row-link");
  if (!selecting && link instanceof HTMLAnchorElement) link.click();
});

listenToKeys();
onBroken((image) => image.classList.add("broken"));
if (list) keepLive(list, pageTexts());
