// What a reader does without saying so: how long each answer was looked at, how much of it came into
// view, what of it was copied, and leaving. Batched, and sent so that closing the tab loses nothing.
// Knows answers by id, not what they say.
(() => {
  if (window.hitlSignals) return;
  const MIN_RATIO = .5, FLUSH_MS = 10000, IDLE_MS = 60000, RENEW_MS = 12 * 3600 * 1000, STEP = .05, LINE_PX = 24;
  const FINE = Array.from({ length: 401 }, (_, n) => n / 400);   // half a screen is little of a long answer
  const spent = new Map(), since = new Map(), seen = new Map(), rows = new Map(), events = [];
  const lines = new Map(), reached = new Map();
  const now = () => performance.now();
  let keys = {}, renewed = 0, seq = 0, lastInput = now(), idle = false, away = false, last = '', planned = 0;

  const looking = () => document.visibilityState === 'visible' && !idle && !away;
  const settle = id => {              // close the open interval of one answer
    if (since.has(id)) spent.set(id, (spent.get(id) || 0) + now() - since.get(id));
    since.delete(id);
  };
  const refresh = () => {
    for (const [id, visible] of seen) {
      if (!(visible && looking())) settle(id);
      else if (!since.has(id)) since.set(id, now());
    }
    plan();
  };
  const observer = new IntersectionObserver(entries => {
    for (const entry of entries) {
      const id = entry.target.dataset.message;
      const view = entry.rootBounds ? entry.rootBounds.height : innerHeight;
      if (rows.get(id) === entry.target) seen.set(id, entry.isIntersecting &&
        (entry.intersectionRatio >= MIN_RATIO || entry.intersectionRect.height >= view / 2));
    }
    refresh();
  }, { threshold: FINE });

  function watch(shown) {             // a Map: id of each answer on the page -> its row
    for (const [id, row] of [...rows]) if (shown.get(id) !== row) {
      settle(id); seen.delete(id); rows.delete(id); observer.unobserve(row);
    }
    for (const [id, row] of shown) if (!rows.has(id)) { rows.set(id, row); observer.observe(row); }
    last = [...shown.keys()].pop() || '';
    plan();
  }

  const plan = () => { planned ||= requestAnimationFrame(measure); };
  function measure() {                // which lines of the answers on the screen are in view
    planned = 0;
    const log = document.querySelector('#chat .bubble-wrap');
    if (!log || !looking()) return;
    const view = log.getBoundingClientRect();
    for (const [id, visible] of seen) {
      const row = visible && rows.get(id), text = row && row.querySelector('.message');
      if (!text) continue;
      const box = text.getBoundingClientRect(), whole = !('writing' in row.dataset);
      if (!lines.has(id)) lines.set(id, { inView: new Set() });
      Object.assign(lines.get(id), { count: Math.floor(box.height / LINE_PX), whole });
      const from = Math.max(0, view.top - box.top), to = Math.min(box.height, view.bottom - box.top);
      for (let n = Math.ceil(from / LINE_PX); (n + 1) * LINE_PX <= to; n++) lines.get(id).inView.add(n);
    }
  }

  function init(next) {               // a younger token would cut what was measured before it
    if (!next.page) return;
    if (keys.token === next.token && now() - renewed < RENEW_MS) return;
    flush();
    keys = next; renewed = now();
  }

  function newlySeen() {              // shares of finished answers that grew since they were told
    const found = {};
    for (const [id, { inView, count, whole }] of lines) {
      const told = reached.get(id) || 0, share = count > 0 ? Math.min(1, inView.size / count) : 1;
      if (!whole || told === 1) continue;
      if (share >= told + STEP || share === 1) { found[id] = share; reached.set(id, share); }
    }
    return found;
  }
  function flush() {
    [...since.keys()].forEach(settle);
    refresh();
    if (!keys.page) return;
    const dwell = {}, reach = newlySeen();
    for (const [id, ms] of spent) if (ms >= 50) { dwell[id] = Math.round(ms); spent.delete(id); }
    const noted = events.splice(0);
    if (!Object.keys(dwell).length && !Object.keys(reach).length && !noted.length) return;
    const body = JSON.stringify({ token: keys.page, seq: ++seq, dwell, reach, events: noted });
    const type = 'application/json', url = new URL(keys.signals.slice(1), document.baseURI);
    if (!navigator.sendBeacon(url, new Blob([body], { type }))) {
      fetch(url, { method: 'POST', body, keepalive: true, headers: { 'Content-Type': type } })
        .catch(() => {});
    }
  }

  const note = (k, mid, n) => events.push({ k, mid, n });
  const leave = () => { if (last) note('leave', last); };
  function within(range, row) {       // the characters of a selection that are this answer's
    const text = row.querySelector('.message');
    if (!text || !range.intersectsNode(text)) return 0;
    const part = range.cloneRange();
    if (part.comparePoint(text, 0) >= 0) part.setStart(text, 0);
    if (part.comparePoint(text, text.childNodes.length) <= 0) part.setEnd(text, text.childNodes.length);
    return part.toString().trim().length;
  }
  document.addEventListener('copy', event => {
    if (event.target.closest?.('textarea, input')) return;   // their own words
    const selection = getSelection();
    if (!selection.rangeCount) return;
    for (const [id, row] of rows) {
      const count = within(selection.getRangeAt(0), row);
      if (count) note('copy_sel', id, count);
    }
  });
  document.addEventListener('click', event => { if (event.target.closest?.('#new')) leave(); }, true);
  document.addEventListener('visibilitychange', () => {
    refresh();
    if (document.visibilityState === 'hidden') flush();
  });
  document.addEventListener('freeze', flush);
  addEventListener('pagehide', () => { leave(); flush(); });
  addEventListener('pageshow', refresh);
  // Without the focus someone looks at another window; in a frame it may never have come, so only
  // its loss counts, until something is done here again.
  addEventListener('blur', () => { away = true; refresh(); });
  addEventListener('focus', () => { away = false; refresh(); });
  for (const kind of ['pointermove', 'pointerdown', 'keydown', 'wheel', 'touchstart', 'scroll']) {
    document.addEventListener(kind, () => {
      lastInput = now();
      if (idle || (away && kind !== 'scroll')) { idle = away = false; refresh(); }
      if (kind === 'scroll') plan();
    }, { passive: true, capture: true });
  }
  setInterval(() => {
    if (!idle && now() - lastInput > IDLE_MS) { idle = true; refresh(); }
  }, 1000);
  setInterval(flush, FLUSH_MS);
  window.hitlSignals = { watch, init, flush, note };
})();
