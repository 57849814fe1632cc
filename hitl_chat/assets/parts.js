// What the scripts build their controls from, and how they call the server. Text is only ever set as text.
(() => {
  if (window.hitlParts) return;
  const say = window.hitlSay, PATIENCE_MS = 15000, LONG_MS = 180000;
  const LONG = ['again', 'agree', 'erase'];    // they write an answer, or all copies anew
  const ICONS = {
    up: 'M7 10v11H3V10h4Zm2 11V9.5L13 2a3 3 0 0 1 2 3.5L14.500 9H20a2 2 0 0 1 2 2.300l-1.300 8A2 2 0 0 1 18.700 21H9Z',
    down: 'M17 14V3h4v11h-4ZM15 3v11.500L11 22a3 3 0 0 1-2-3.500L9.500 15H4a2 2 0 0 1-2-2.300l1.300-8A2 2 0 0 1 5.300 3H15Z',
    edit: 'm4 20 1-5L16 4l4 4L9 19l-5 1Zm10-14 4 4',
    copy: 'M9 9h11v11H9V9ZM5 15H4V4h11v1',
    again: 'M20 4v6h-6M4 20v-6h6M20 10a8 8 0 0 0-14.500-3M4 14a8 8 0 0 0 14.500 3',
    undo: 'M8 5 3.500 9.500 8 14M4 9.500h10a6 5 0 0 1 0 10H8',
    back: 'm14 6-6 6 6 6', next: 'm10 6 6 6-6 6',
    beside: 'M3 5h7v14H3V5Zm11 0h7v14h-7V5Z',
    more: 'M5.500 12h.01M12 12h.01M18.500 12h.01',
  };

  function make(tag, props = {}, ...children) {
    const { label, cls, role, ...rest } = props, el = document.createElement(tag);
    Object.assign(el, rest);
    if (cls) el.className = cls;
    if (role) el.setAttribute('role', role);
    if (label) { el.setAttribute('aria-label', label); el.title = label; }
    el.append(...children);
    return el;
  }
  function icon(name) {
    const space = 'http://www.w3.org/2000/svg', svg = document.createElementNS(space, 'svg');
    const path = document.createElementNS(space, 'path');
    svg.setAttribute('viewBox', '0 0 24 24'); svg.setAttribute('aria-hidden', 'true');
    path.setAttribute('d', ICONS[name]); svg.append(path);
    return svg;
  }
  const tool = (name, label, onclick) =>
    make('button', { type: 'button', cls: `tool ${name}`, label: say(label), onclick }, icon(name));
  const link = (text, onclick) => make('button', { type: 'button', cls: 'link', onclick }, say(text));
  const press = (button, on) => button.setAttribute('aria-pressed', String(on));

  async function call(name, ...data) {         // the same named endpoints that programs use
    const patience = LONG.includes(name) ? LONG_MS : PATIENCE_MS;
    let answer;
    try {
      const response = await fetch(new URL(`gradio_api/run/${name}`, document.baseURI), {
        method: 'POST', headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ data }), signal: AbortSignal.timeout(patience),
      });
      answer = await response.json();
    } catch {
      throw new Error(say('The server does not answer. Try again shortly.'));
    }
    if (!answer.data) {
      const why = answer.error ? window.hitlTold(answer.error) : say('The server could not do that. Try again shortly.');
      throw Object.assign(new Error(why), { told: answer.error });
    }
    return answer.data[0];
  }
  window.hitlParts = { make, tool, link, press, call };
})();
