// What this does and why is said in components/probe/__init__.py.
// Streamlit imports this module once for each page load, so what is kept here outlives mounts.

const STILL_AFTER_MS = 5000;
const DROP_AFTER_MS = 10000;
const NO_TURN_AFTER_RUN_MS = 1500;
const READABLE_CHARS = 120;
const SENTENCE_END = /[.!?…]["')\]]*(?=\s|\p{Lu})|[。！？]/u;
// What these send stands where something is already: no new message comes at the end of the page.
const IN_PLACE = /^send-(beside|edit|retry)-[\w-]+$/;
const OUTDATED_AT_SEND = ".st-key-empty-state, .st-key-followups { display: none; }";
const CLOCK_ROUNDS = 5;
const CLOCK_AGE_MS = 60000;

let root = null; // the shadow root of the mount that is on the page
let data = {};
let press = null; // the press that is being followed, until its marks are reported
let cue = null; // what our own element shows: { text, label }, or the button { label, place }
let pending = null; // the style sheet that shows the cue on a button
let followed = null; // an answer that is watched for the status line only (after a reload)
let clock = null; // { offset, error, at }
let outdated = null; // the style sheet that hides what a new message makes outdated
let observer = null;
let listening = false;
let warned = false;
let unmountTimer = 0;
const reported = new Set();

function warn(error) {
  if (!warned) console.warn("Upshift probe: measuring stopped, the answer is not affected.", error);
  warned = true;
}

// Nothing here may ever reach the page as an error.
function guarded(work) {
  return (...args) => {
    try {
      return work(...args);
    } catch (error) {
      warn(error);
      return undefined;
    }
  };
}

const byKey = (key) => document.getElementsByClassName(`st-key-${key}`)[0];
const ANSWER = '[class*="st-key-answer-"]';
const MESSAGE = '[data-testid="stChatMessage"]';
const answers = () => document.querySelectorAll(ANSWER);
const chatInput = () => document.querySelector(".st-key-chat textarea");
const messages = () => document.querySelectorAll(MESSAGE).length;

function turnOf(element) {
  for (const name of element.classList) if (name.startsWith("st-key-answer-")) return name.slice(14);
  return null;
}

function turnsOnPage() {
  return new Set(Array.from(answers(), turnOf));
}

// Calls back with the time at which what is in the page now has been painted: a task from within the
// frame runs when the frame is done. Of the ways to ask for one, postTask's highest priority is not
// overtaken by the next pieces of text; the message channel is for browsers that do not have it.
function painted(done) {
  const seen = guarded(() => done(performance.now()));
  requestAnimationFrame(guarded(() => {
    if (globalThis.scheduler?.postTask) {
      scheduler.postTask(seen, { priority: "user-blocking" }).catch(warn);
      return;
    }
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      channel.port1.close();
      seen();
    };
    channel.port2.postMessage(0);
  }));
}

function mark(of, name) {
  if (of.asked.has(name)) return;
  of.asked.add(name);
  painted((now) => {
    of.marks[name] = now - of.at;
    if (name === "client_done_ms") finish(of);
  });
}

// ---- what is shown

// A study may want to know what it is like without progress texts: then only the message is echoed.
const saysProgress = () => data.progress !== false || Boolean(cue?.label.startsWith("Still"));

function drawCue() {
  if (!root) return;
  const box = root.querySelector(".probe-cue");
  box.hidden = !cue || Boolean(cue.place);
  drawOnButton();
  if (box.hidden) return;
  box.classList.toggle("probe-dark", isDark());
  box.classList.toggle("probe-first", messages() === 0);
  root.querySelector(".probe-echo").hidden = !cue.text;
  root.querySelector(".probe-words").textContent = cue.text;
  const progress = root.querySelector(".probe-progress");
  progress.hidden = !saysProgress();
  progress.textContent = cue.label;
  progress.classList.toggle("probe-waiting", !cue.label.startsWith("Still"));
}

// Style sheets, not changes of the elements: Streamlit uses elements again for other things. A change of
// the list has the whole page styled anew, so there is none without need.
function adopt(sheet, yes) {
  const sheets = document.adoptedStyleSheets;
  if (!sheet || sheets.includes(sheet) === yes) return;
  document.adoptedStyleSheets = yes ? [...sheets, sheet] : sheets.filter((other) => other !== sheet);
}

function drawOnButton() {
  const yes = Boolean(cue?.place && saysProgress());
  if (yes) {
    pending ??= new CSSStyleSheet();
    pending.replaceSync(`.st-key-${cue.place} button::after { content: "· ${cue.label}"; margin-left: 0.4em; }`);
  }
  adopt(pending, yes);
}

function hideOutdated(yes) {
  if (yes && !outdated) {
    outdated = new CSSStyleSheet();
    outdated.replaceSync(OUTDATED_AT_SEND);
  }
  adopt(outdated, yes);
}

function isDark() {
  const colour = getComputedStyle(root.host ?? root).getPropertyValue("--st-background-color").trim();
  const parts = /^#(..)(..)(..)/.exec(colour);
  return Boolean(parts) && parts.slice(1).reduce((sum, part) => sum + parseInt(part, 16), 0) < 384;
}

function isVisible(part) {
  const box = root?.querySelector(part)?.getBoundingClientRect();
  return Boolean(box && box.height > 0 && box.bottom > 0 && box.top < window.innerHeight);
}

function cueIsVisible() {
  if (cue?.place) return saysProgress(); // on the button that was pressed
  return isVisible(".probe-progress");
}

function hideCue() {
  cue = null;
  drawCue();
}

function say(text) {
  const line = root?.querySelector(".probe-status");
  if (line && text && line.textContent !== text) line.textContent = text;
}

// ---- a press

function onKey(event) {
  if (event.key !== "Enter" || event.shiftKey || event.ctrlKey || event.metaKey) return;
  if (event.isComposing || event.keyCode === 229 || event.repeat) return;
  const area = event.target;
  if (area instanceof HTMLTextAreaElement && area.closest(".st-key-chat")) fromInput(event, area);
}

function onClick(event) {
  const button = event.target instanceof Element ? event.target.closest("button") : null;
  if (!button || button.disabled) return;
  if (button.dataset.testid === "stChatInputSubmitButton" && button.closest(".st-key-chat")) {
    fromInput(event, chatInput());
    return;
  }
  const holder = button.closest('[class*="st-key-send-"]');
  if (!holder) return;
  const key = Array.from(holder.classList).find((name) => name.startsWith("st-key-send-")).slice(7);
  begin(event, data.prompts?.[key] ?? button.innerText.trim(), button, IN_PLACE.test(key) ? key : null);
}

function fromInput(event, area) {
  const text = area ? area.value : "";
  if (!text.trim() || area.disabled) return;
  begin(event, text, null, null);
  const mine = press;
  // Streamlit empties the input when it accepts a message; one that it keeps was not sent.
  painted(() => {
    if (press === mine && area.isConnected && area.value === text) withdraw();
  });
}

function begin(event, text, button, place) {
  if (press) finish(press);
  const now = performance.now();
  const stamp = event.timeStamp > 0 && event.timeStamp <= now ? event.timeStamp : now;
  press = {
    at: stamp,
    known: turnsOnPage(),
    messages: messages(),
    button,
    place,
    turn: null,
    element: null,
    marks: {},
    asked: new Set(),
    hidden: document.visibilityState === "hidden",
    timers: [],
  };
  const mine = press;
  cue = place ? { label: "Sending…", place } : { text, label: "Sending…" };
  hideOutdated(true);
  drawCue();
  if (!place) followFromNow();
  if (cueIsVisible() || isVisible(".probe-echo")) mark(mine, "client_first_feedback_ms");
  if (cueIsVisible()) mark(mine, "client_first_cue_ms");
  mine.timers.push(setTimeout(guarded(() => stillSending(mine)), STILL_AFTER_MS));
  mine.timers.push(setTimeout(guarded(() => drop(mine)), DROP_AFTER_MS));
  watch(true);
}

function stillSending(mine) {
  if (press !== mine || mine.turn || !cue) return;
  cue.label = "Still sending… check the connection; your text is kept.";
  drawCue();
  say(cue.label);
}

// No turn came of it: nothing is measured any more, but the text stays where it can be copied.
function drop(mine) {
  if (press !== mine || mine.turn) return;
  press = null;
  hideOutdated(false);
}

function withdraw() {
  if (press) press.timers.forEach(clearTimeout);
  press = null;
  hideOutdated(false);
  hideCue();
  rest();
}

// ---- what the server draws

// Without `letters` a text that only grows is not heard of: enough once there is nothing to read in it.
function watch(letters) {
  observer ??= new MutationObserver(guarded(onChange));
  observer.observe(document.querySelector('[data-testid="stMain"]') ?? document.body, {
    subtree: true,
    childList: true,
    characterData: letters,
    attributes: true,
    attributeFilter: ["class"],
  });
}

function rest() {
  if (!press && !followed && !cue) observer?.disconnect();
}

// While an answer is written this runs for every piece: it looks at what changed, or within the answer,
// and never through the whole page.
function onChange(records) {
  if (press && !press.turn) findTurn(press, records);
  else if (cue && !press) lateAnswer();
  if (press?.turn) readAnswer(press);
  if (followed) readEnd();
}

// What of a kind has come into the page with these changes.
function appeared(records, kind) {
  const found = [];
  for (const record of records) {
    const places = record.type === "attributes" ? [record.target] : record.addedNodes;
    for (const place of places) {
      if (!(place instanceof Element)) continue;
      if (place.matches(kind)) found.push(place);
      if (record.type !== "attributes") found.push(...place.querySelectorAll(kind));
    }
  }
  return found;
}

function findTurn(mine, records) {
  mark(mine, "client_first_feedback_ms");
  for (const element of appeared(records, ANSWER)) {
    const turn = turnOf(element);
    if (!turn || mine.known.has(turn)) continue;
    mine.turn = turn;
    mine.element = element;
    mine.timers.forEach(clearTimeout);
    hideCue();
    if (mine.place) bringIntoView(element);
    if (saysProgress() && element.textContent.trim()) mark(mine, "client_first_cue_ms");
    say("Writing an answer");
    returnFocus(mine);
    return;
  }
  // The server has drawn the message itself: two of them would be one too many.
  if (cue?.text && appeared(records, MESSAGE).length && messages() > mine.messages) {
    cue.text = "";
    drawCue();
  }
}

// The server answered after the press had been dropped: show it, do not measure it.
function lateAnswer() {
  const newest = Array.from(answers(), turnOf).pop();
  if (newest && newest === data.turn_id) hideCue();
  rest();
}

function readAnswer(mine) {
  if (!mine.element.isConnected) mine.element = byKey(`answer-${mine.turn}`) ?? mine.element; // drawn anew
  const part = (name) => mine.element.querySelector(`.st-key-${name}-${mine.turn}`);
  if (!mine.asked.has("client_readable_ms")) {
    const text = part("text")?.textContent.trim() ?? "";
    if (text) mark(mine, "client_first_content_ms");
    if (text.length >= READABLE_CHARS || SENTENCE_END.test(text)) {
      mark(mine, "client_readable_ms");
      watch(false);
    }
  }
  if (!mine.asked.has("client_done_ms") && part("done")) {
    // A short answer without a full stop is readable when it is complete.
    if (mine.asked.has("client_first_content_ms")) mark(mine, "client_readable_ms");
    sayEnd(mine.turn);
    mark(mine, "client_done_ms");
  }
}

function sayEnd(turn) {
  if (byKey(`stopped-${turn}`)) say("Answer stopped");
  else if (byKey(`failed-${turn}`)) say("No complete answer");
  else say("Answer complete");
}

function readEnd() {
  if (!byKey(`done-${followed}`)) return;
  sayEnd(followed);
  followed = null;
  rest();
}

function returnFocus(mine) {
  if (!mine.button || window.matchMedia("(pointer: coarse)").matches) return; // no keyboard pops up on a phone
  const focused = document.activeElement;
  const nobodyElse = !focused || focused === document.body || focused === mine.button;
  if (nobodyElse) chatInput()?.focus({ preventScroll: true });
}

// ---- reporting

function finish(mine) {
  mine.timers.forEach(clearTimeout);
  if (press === mine) press = null;
  followNoMore();
  hideOutdated(false);
  report(mine);
  rest();
  if (!clock || performance.now() - clock.at > CLOCK_AGE_MS) readClock();
}

function report(mine) {
  if (!mine.turn || reported.has(mine.turn)) return;
  reported.add(mine.turn);
  const body = { turn_id: mine.turn, client_hidden: mine.hidden };
  for (const [name, value] of Object.entries(mine.marks)) body[name] = Math.round(value * 1000) / 1000;
  if (clock) {
    body.press_clock_ms = Math.round((mine.at + clock.offset) * 1000) / 1000;
    body.clock_error_ms = Math.round(clock.error * 1000) / 1000;
  }
  navigator.sendBeacon(api("marks"), new Blob([JSON.stringify(body)], { type: "application/json" }));
}

function api(name) {
  return new URL(`api/${name}`, document.baseURI.replace(/[?#].*$/, "")).href;
}

async function readClock() {
  try {
    let best = null;
    for (let round = 0; round < CLOCK_ROUNDS; round += 1) {
      const sent = performance.now();
      const answer = await fetch(api("clock"), { cache: "no-store" });
      const got = performance.now();
      if (!answer.ok) return;
      const server = (await answer.json()).clock_ms;
      const error = (got - sent) / 2;
      if (Number.isFinite(server) && (!best || error < best.error)) {
        best = { offset: server - (sent + got) / 2, error, at: got };
      }
    }
    clock = best ?? clock;
  } catch (error) {
    warn(error);
  }
}

// ---- coming and going

const onHide = guarded(() => {
  if (press && document.visibilityState === "hidden") press.hidden = true;
});
// Closed, reloaded or gone to another page: the browser does not say which.
const onLeave = guarded(() => {
  if (!press) return;
  if (!press.asked.has("client_done_ms")) press.marks.client_left_ms = performance.now() - press.at;
  report(press);
});
const keyListener = guarded(onKey);
const clickListener = guarded(onClick);
const scrollListener = guarded(onScrollIntent);
const SCROLL_EVENTS = ["wheel", "touchmove", "keydown"];

function listen() {
  if (listening) return;
  listening = true;
  document.addEventListener("keydown", keyListener, true);
  document.addEventListener("click", clickListener, true);
  for (const name of SCROLL_EVENTS) document.addEventListener(name, scrollListener, { capture: true, passive: true });
  document.addEventListener("visibilitychange", onHide, true);
  window.addEventListener("pagehide", onLeave, true);
  setTimeout(readClock, 500);
}

function stop() {
  listening = false;
  document.removeEventListener("keydown", keyListener, true);
  document.removeEventListener("click", clickListener, true);
  for (const name of SCROLL_EVENTS) document.removeEventListener(name, scrollListener, true);
  document.removeEventListener("visibilitychange", onHide, true);
  window.removeEventListener("pagehide", onLeave, true);
  observer?.disconnect();
  if (press) {
    press.timers.forEach(clearTimeout);
    report(press);
  }
  hideOutdated(false);
  press = null;
  cue = null;
  followed = null;
  root = null;
}

// A script run has reached the probe: if it made no turn of the press, none will come.
function afterRun() {
  const mine = press;
  if (!mine || mine.turn) return;
  mine.timers.push(
    setTimeout(
      guarded(() => {
        if (press === mine && !mine.turn && !data.turn_id_is_new) withdraw();
      }),
      NO_TURN_AFTER_RUN_MS,
    ),
  );
}

function followRunning(turn) {
  if (!turn || press || followed === turn || reported.has(turn) || byKey(`done-${turn}`)) return;
  followed = turn;
  watch(false);
}

function attach(parentElement, given) {
  clearTimeout(unmountTimer);
  const spoken = data.status_text;
  root = parentElement;
  data = given ?? {};
  data.turn_id_is_new = Boolean(data.turn_id && press && !press.known.has(data.turn_id));
  listen();
  drawCue();
  if (data.status_text && data.status_text !== spoken) say(data.status_text);
  followRunning(data.turn_id);
  afterRun();
}

export default function probe(component) {
  guarded(attach)(component.parentElement, component.data);
  const mine = component.parentElement;
  return guarded(() => {
    // Streamlit may take the element down and put it up again within one run.
    if (root === mine) unmountTimer = setTimeout(guarded(stop), 1000);
  });
}
