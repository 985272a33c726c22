// Copies an answer as Markdown, and says whether that worked.

const SAID_FOR_MS = 2000;
let saying = 0;

async function copyAnswer(button, turn) {
  const text = data.turns?.[turn]?.text;
  if (typeof text !== "string") return;
  const worked = (await byClipboard(text)) || byCommand(text);
  sayBeside(button, worked ? "Copied" : "Not copied: this browser does not allow it here.");
}

// Only where the page is served securely or from this machine.
async function byClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

// Old, but it also works on http.
function byCommand(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.style.cssText = "position:fixed;opacity:0";
  const focused = document.activeElement;
  document.body.append(area);
  area.select();
  const worked = document.execCommand("copy");
  area.remove();
  focused?.focus?.({ preventScroll: true });
  return worked;
}

function sayBeside(button, words) {
  const box = root?.querySelector(".copied");
  if (!box) return;
  box.textContent = words;
  root.querySelector(".spoken").textContent = words;
  if (!box.matches(":popover-open")) box.showPopover();
  putBeside(box, button.getBoundingClientRect());
  clearTimeout(saying);
  saying = setTimeout(() => {
    box.hidePopover();
    root.querySelector(".spoken").textContent = "";
  }, SAID_FOR_MS);
}
