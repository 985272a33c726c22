// The passage of a mark, shown beside it while it is pointed at or has the keyboard's focus.

const MARKS = 'a[href^="#source-"], a[href^="#matched-"]';
const MATCHED_NOTE = "Matched by Upshift: the model named no source for this sentence.";
const HIDE_AFTER_MS = 250; // long enough to move the pointer from the mark to the passage
const TABBED_WITHIN_MS = 300;
const GAP_PX = 6;

let shownFor = null; // the mark whose passage is shown
let hiding = 0;
let tabbedAt = -Infinity; // when the keyboard last moved the focus

const markAt = (target) => (target instanceof Element ? target.closest(MARKS) : null);

function meant(mark) {
  const found = /^#(source|matched)-([0-9a-f]+)-(\d+)$/.exec(mark.getAttribute("href") ?? "");
  if (!found) return null;
  const number = Number(found[3]);
  return { turn: found[2], number, matched: found[1] === "matched", passage: data.turns?.[found[2]]?.passages?.[number - 1] };
}

function nameMark(mark) {
  const place = meant(mark);
  if (!place?.passage) return null;
  const name = `Source ${place.number}: ${place.passage.place}`;
  if (mark.ariaLabel !== name) mark.ariaLabel = name;
  return place;
}

function showPassage(mark) {
  clearTimeout(hiding);
  const place = nameMark(mark);
  const box = root?.querySelector(".passage");
  if (!place || !box) return;
  if (shownFor === mark) return;
  shownFor = mark;
  box.querySelector(".passage-place").textContent = `${place.number} · ${place.passage.place}`;
  box.querySelector(".passage-text").textContent = place.passage.text;
  const note = box.querySelector(".passage-note");
  note.textContent = place.matched ? MATCHED_NOTE : "";
  note.hidden = !place.matched;
  mark.setAttribute("aria-description", place.passage.text);
  if (!box.matches(":popover-open")) box.showPopover();
  putBeside(box, mark.getBoundingClientRect());
}

// Below the mark, or above it where there is more room; never over it, and never out of the window.
function putBeside(box, mark) {
  const size = box.getBoundingClientRect();
  const below = window.innerHeight - mark.bottom;
  const top = below >= size.height + GAP_PX || below >= mark.top ? mark.bottom + GAP_PX : mark.top - size.height - GAP_PX;
  const left = Math.min(mark.left, window.innerWidth - size.width - GAP_PX);
  box.style.top = `${Math.max(GAP_PX, top)}px`;
  box.style.left = `${Math.max(GAP_PX, left)}px`;
}

function keepBeside() {
  const box = shownFor && root?.querySelector(".passage");
  if (!box) return;
  const mark = shownFor.getBoundingClientRect();
  if (mark.bottom < 0 || mark.top > window.innerHeight || !shownFor.isConnected) hidePassage();
  else putBeside(box, mark);
}

function hidePassage() {
  clearTimeout(hiding);
  shownFor = null;
  const box = root?.querySelector(".passage");
  if (box?.matches(":popover-open")) box.hidePopover();
}

function hidePassageSoon() {
  clearTimeout(hiding);
  hiding = setTimeout(hidePassage, HIDE_AFTER_MS);
}

function onPointerOver(event) {
  const mark = markAt(event.target);
  if (mark) showPassage(mark);
  else if (shownFor && event.composedPath()[0]?.closest?.(".passage")) clearTimeout(hiding);
  else if (shownFor) hidePassageSoon();
}

function onFocusIn(event) {
  const mark = markAt(event.target);
  // Not where the focus only comes back, as from a closed document: the passage would lie over the page.
  if (mark && performance.now() - tabbedAt < TABBED_WITHIN_MS) showPassage(mark);
  else if (shownFor && shownFor !== mark) hidePassage();
}

function onMove(event) {
  // Any other key takes the focus elsewhere by its own meaning: Escape closes a document, and gives it back.
  tabbedAt = event.key === "Tab" ? performance.now() : -Infinity;
  if (event.key === "Escape" && shownFor) hidePassage();
}

function onMarkPressed(event, mark) {
  event.preventDefault();
  event.stopPropagation();
  const place = meant(mark);
  hidePassage();
  if (place) component.setTriggerValue("open", { turn_id: place.turn, number: place.number });
}
