// What a reader does without saying so: how long each answer was looked at, and what was copied.
// Batched, and sent so that closing the tab loses nothing. Knows answers by id, not what they say.
(() => {
  if (window.hitlSignals) return;
  const MIN_RATIO = .5, FLUSH_MS = 10000, IDLE_MS = 60000, RENEW_MS = 12 * 3600 * 1000;
  const spent = new Map(), since = new Map(), seen = new Map(), rows = new Map(), events = [];
  const now = () => performance.now();
  let keys = {}, renewed = 0, seq = 0, lastInput = now(), idle = false;

  const looking = () => document.visibilityState === 'visible' && !idle;
  const settle = id => {              // close the open interval of one answer
    if (since.has(id)) spent.set(id, (spent.get(id) || 0) + now() - since.get(id));
    since.delete(id);
  };
  const refresh = () => {
    for (const [id, visible] of seen) {
      if (!(visible && looking())) settle(id);
      else if (!since.has(id)) since.set(id, now());
    }
  };
  const observer = new IntersectionObserver(entries => {
    for (const entry of entries) {
      const id = entry.target.dataset.message;
      const view = entry.rootBounds ? entry.rootBounds.height : innerHeight;
      if (rows.get(id) === entry.target) seen.set(id, entry.isIntersecting &&
        (entry.intersectionRatio >= MIN_RATIO || entry.intersectionRect.height >= view / 2));
    }
    refresh();
  }, { threshold: [0, .25, .5, .75, 1] });

  function watch(shown) {             // a Map: id of each answer on the page -> its row
    for (const [id, row] of [...rows]) if (shown.get(id) !== row) {
      settle(id); seen.delete(id); rows.delete(id); observer.unobserve(row);
    }
    for (const [id, row] of shown) if (!rows.has(id)) { rows.set(id, row); observer.observe(row); }
  }

  function init(next) {               // a younger token would cut what was measured before it
    if (!next.page) return;
    if (keys.token === next.token && now() - renewed < RENEW_MS) return;
    flush();
    keys = next; renewed = now();
  }

  function flush() {
    [...since.keys()].forEach(settle);
    refresh();
    if (!keys.page) return;
    const dwell = {};
    for (const [id, ms] of spent) if (ms >= 50) { dwell[id] = Math.round(ms); spent.delete(id); }
    const noted = events.splice(0);
    if (!Object.keys(dwell).length && !noted.length) return;
    const body = JSON.stringify({ token: keys.page, seq: ++seq, dwell, events: noted });
    const type = 'application/json', url = new URL(keys.signals.slice(1), document.baseURI);
    if (!navigator.sendBeacon(url, new Blob([body], { type }))) {
      fetch(url, { method: 'POST', body, keepalive: true, headers: { 'Content-Type': type } })
        .catch(() => {});
    }
  }

  const note = (k, mid, n) => events.push({ k, mid, n });
  document.addEventListener('copy', () => {
    const selection = getSelection(), node = selection.anchorNode;
    const element = node && (node.closest ? node : node.parentElement);
    const row = element && element.closest('[data-message]');
    if (row && rows.has(row.dataset.message)) {
      note('copy_sel', row.dataset.message, String(selection).trim().length);
    }
  });
  document.addEventListener('visibilitychange', () => {
    refresh();
    if (document.visibilityState === 'hidden') flush();
  });
  document.addEventListener('freeze', flush);
  addEventListener('pagehide', flush);
  for (const kind of ['pointermove', 'pointerdown', 'keydown', 'wheel', 'touchstart', 'scroll']) {
    document.addEventListener(kind, () => {
      lastInput = now();
      if (idle) { idle = false; refresh(); }
    }, { passive: true, capture: true });
  }
  setInterval(() => {
    if (!idle && now() - lastInput > IDLE_MS) { idle = true; refresh(); }
  }, 1000);
  setInterval(flush, FLUSH_MS);
  window.hitlSignals = { watch, init, flush, note };
})();
