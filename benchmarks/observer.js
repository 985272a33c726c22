// The measurement's own eye on the page: independent of the probe, it sees the press, every painted
// change, and when each numbered word of the scripted answer was on the screen. Times are
// milliseconds of the wall clock (performance.timeOrigin + performance.now()).
(() => {
  const now = () => performance.timeOrigin + performance.now();
  const seen = (window.__seen = { press: null, change: null, cue: null, words: {}, text: null, done: null });
  const painted = (then) =>
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => then(now());
      channel.port2.postMessage(0);
    });
  const pressed = (event) => {
    Object.assign(seen, { press: performance.timeOrigin + event.timeStamp, change: null, cue: null });
    Object.assign(seen, { words: {}, text: null, done: null, known: new Set(names()) });
  };
  const names = () =>
    [...document.querySelectorAll('[class*="st-key-answer-"]')].map(turnOf);
  const turnOf = (element) => /st-key-answer-(\w+)/.exec(element.className)[1];
  document.addEventListener("keydown", (e) => e.key === "Enter" && pressed(e), true);
  document.addEventListener("click", (e) => e.target.closest?.('[class*="st-key-send-"]') && pressed(e), true);

  // Our own progress text, wherever it stands: the probe's (in its shadow root) or the server's.
  const cueIsThere = (answer) => {
    for (const host of document.querySelectorAll("*")) {
      const progress = host.shadowRoot?.querySelector(".probe-cue:not([hidden]) .probe-progress");
      if (progress?.textContent) return true;
    }
    return Boolean(answer?.textContent.trim());
  };
  const look = () => {
    if (seen.press === null) return;
    if (seen.change === null) {
      seen.change = 0;
      painted((at) => (seen.change = at));
    }
    const answer = [...document.querySelectorAll('[class*="st-key-answer-"]')]
      .filter((element) => !seen.known.has(turnOf(element)))
      .pop();
    if (seen.cue === null && cueIsThere(answer)) {
      seen.cue = 0;
      painted((at) => (seen.cue = at));
    }
    const text = answer?.querySelector('[class*="st-key-text-"]')?.textContent ?? "";
    if (text.trim() && seen.text === null) {
      seen.text = 0;
      painted((at) => (seen.text = at));
    }
    const last = Number(/.*word(\d+)/s.exec(text)?.[1] ?? 0);
    if (last && !(last in seen.words)) {
      const before = Math.max(0, ...Object.keys(seen.words).map(Number));
      for (let word = before + 1; word <= last; word += 1) seen.words[word] = 0;
      painted((at) => {
        for (let word = before + 1; word <= last; word += 1) seen.words[word] = at;
      });
    }
    if (seen.done === null && answer?.querySelector('[class*="st-key-done-"]')) {
      seen.done = 0;
      painted((at) => (seen.done = at));
    }
  };
  const watch = () => {
    new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
    // The probe's element is behind a shadow root, which the observer above does not see into.
    const shadows = () => {
      for (const host of document.querySelectorAll("*")) {
        if (host.shadowRoot && !host.__watched) {
          host.__watched = true;
          new MutationObserver(look).observe(host.shadowRoot, { subtree: true, childList: true, characterData: true, attributes: true });
        }
      }
    };
    setInterval(shadows, 500);
  };
  if (document.body) watch();
  else document.addEventListener("DOMContentLoaded", watch);
})();
