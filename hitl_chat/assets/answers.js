// The bar under each answer: rate, say why, edit, copy, regenerate, undo, look at other drafts.
// Gradio draws the messages; this hangs a bar on each row. Text is only ever set as text.
(() => {
  if (window.hitl) return;
  const ICONS = {
    up: 'M7 10v11H3V10h4Zm2 11V9.5L13 2a3 3 0 0 1 2 3.5L14.500 9H20a2 2 0 0 1 2 2.300l-1.300 8A2 2 0 0 1 18.700 21H9Z',
    down: 'M17 14V3h4v11h-4ZM15 3v11.500L11 22a3 3 0 0 1-2-3.500L9.500 15H4a2 2 0 0 1-2-2.300l1.300-8A2 2 0 0 1 5.300 3H15Z',
    edit: 'm4 20 1-5L16 4l4 4L9 19l-5 1Zm10-14 4 4',
    copy: 'M9 9h11v11H9V9ZM5 15H4V4h11v1',
    again: 'M20 4v6h-6M4 20v-6h6M20 10a8 8 0 0 0-14.500-3M4 14a8 8 0 0 0 14.500 3',
    undo: 'M8 5 3.500 9.500 8 14M4 9.500h10a6 5 0 0 1 0 10H8',
    back: 'm14 6-6 6 6 6', next: 'm10 6 6 6-6 6',
  };
  const ENDED = { stop: 'stopped', closed: 'interrupted', error: 'broke off', length: 'cut at the limit' };
  const PATIENCE_MS = 15000, NEAR = 160;
  const bars = new Map(), given = new Map();   // by message id; ratings given since the page was read
  let trigger = () => {}, keys = { reasons: [] }, turns = [], refocus = null, planned = 0;

  function make(tag, props = {}, ...children) {
    const { label, cls, ...rest } = props, el = document.createElement(tag);
    Object.assign(el, rest);
    if (cls) el.className = cls;
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
    make('button', { type: 'button', cls: `tool ${name}`, label, onclick }, icon(name));
  const link = (text, onclick) => make('button', { type: 'button', cls: 'link', onclick }, text);
  const press = (button, on) => button.setAttribute('aria-pressed', String(on));

  async function call(name, ...data) {         // the same named endpoints that programs use
    let answer;
    try {
      const response = await fetch(new URL(`gradio_api/run/${name}`, document.baseURI), {
        method: 'POST', headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ data }), signal: AbortSignal.timeout(PATIENCE_MS),
      });
      answer = await response.json();
    } catch {
      throw new Error('The server does not answer. Try again shortly.');
    }
    if (!answer.data) throw new Error(answer.error || 'The server could not do that. Try again shortly.');
    return answer.data[0];
  }

  class Bar {
    constructor(id) {
      this.id = id;
      this.sent = Promise.resolve();
      this.up = tool('up', 'Good answer', () => this.rate(1));
      this.down = tool('down', 'Bad answer', () => this.rate(-1));
      this.pen = tool('edit', 'Edit this answer', () => this.openEditor());
      this.copier = tool('copy', 'Copy', () => this.copy());
      this.again = tool('again', 'Regenerate', () => trigger('submit', { message: this.id }));
      this.undo = tool('undo', 'Undo: take the question back', () => trigger('undo', {}));
      this.back = tool('back', 'Draft before', () => this.pick(-1, 'back'));
      this.next = tool('next', 'Draft after', () => this.pick(1, 'next'));
      this.place = make('span');
      this.pager = make('span', { cls: 'pager' }, this.back, this.place, this.next);
      this.print = make('small', { cls: 'print' });
      this.dots = make('span', { cls: 'dots', label: 'Writing' }, '•', '•', '•');
      this.ahead = make('span');
      this.ahead.setAttribute('role', 'status');
      this.tools = make('span', { cls: 'tools' }, this.up, this.down, this.pen, this.copier, this.again, this.undo);
      this.said = make('span');
      this.said.setAttribute('role', 'status');
      this.why = link('', () => this.openDetails());
      this.why.setAttribute('aria-expanded', 'false');
      this.note = make('div', { cls: 'note', hidden: true }, this.said, this.why);
      this.retry = make('div', { cls: 'note', hidden: true }, 'Not answered yet.',
        link('Try again', () => trigger('submit', { message: this.id })));
      this.line = make('div', { cls: 'line' }, this.dots, this.ahead, this.tools, this.pager, this.print);
      this.el = make('div', { cls: 'bar' }, this.line, this.note, this.retry);
      this.el.setAttribute('role', 'group');
      this.el.setAttribute('aria-label', 'About this answer');
      this.el.setAttribute('aria-live', 'off');
    }

    update(turn, last, busy) {
      const { facts, role, text } = turn, writing = Boolean(facts.writing), answer = role === 'assistant';
      this.text = text; this.facts = facts;
      this.tools.hidden = writing || !answer;
      this.line.hidden = !answer;
      this.dots.hidden = !writing || Boolean(text);
      const waiting = writing && facts.ahead ? `${facts.ahead} before you` : '';
      if (this.ahead.textContent !== waiting) this.ahead.textContent = waiting;
      this.again.hidden = this.undo.hidden = !last;
      for (const button of [this.again, this.undo, this.back, this.next, this.pen]) button.disabled = busy;
      this.retry.hidden = answer || !last || busy || !this.id;
      this.el.hidden = !answer && this.retry.hidden;
      this.rating = given.has(this.id) ? given.get(this.id) : facts.rating || 0;
      press(this.up, this.rating === 1);
      press(this.down, this.rating === -1);
      const count = facts.drafts ? facts.drafts.length : 1;
      this.pager.hidden = !answer || count < 2;
      this.place.textContent = `${(facts.place || 0) + 1}/${count}`;
      this.back.disabled ||= !facts.place;
      this.next.disabled ||= (facts.place || 0) + 1 >= count;
      const print = [facts.version, facts.edited && 'edited by you', ENDED[facts.ended]];
      this.print.textContent = answer ? print.filter(Boolean).join(' · ') : '';
    }

    tell(text, wrong = false) {
      this.note.hidden = !text;
      this.note.classList.toggle('wrong', wrong);
      this.said.textContent = text;
      this.why.hidden = wrong || !this.rating;
      this.why.textContent = this.rating === 1 ? 'Say what was good' : 'Say what was wrong';
    }

    show(rating) {
      given.set(this.id, rating);
      this.rating = rating;
      press(this.up, rating === 1);
      press(this.down, rating === -1);
    }

    rate(value) {                              // shown at once; taken back if it was not stored
      const before = this.rating, rating = before === value ? 0 : value;
      this.show(rating);
      this.closeDetails();
      this.tell(rating ? 'Thanks.' : 'Taken back.');
      this.sent = this.sent.then(() => call('rate', keys.token, this.id, rating, [], ''))
        .then(() => window.hitlStatus.look(), error => {
          this.show(before);
          this.tell(`Not saved. ${error.message}`, true);
        });
    }

    openDetails() {
      if (this.details) return this.closeDetails();
      const chips = this.rating === 1 ? [] : keys.reasons.map(reason => {
        const chip = make('button', { type: 'button', cls: 'chip', value: reason }, reason);
        press(chip, false);
        chip.onclick = () => press(chip, chip.getAttribute('aria-pressed') !== 'true');
        return chip;
      });
      const words = make('textarea', { rows: 2, maxLength: 2000, label: 'Your own words', placeholder: 'In your own words (optional)' });
      const wrong = make('p', { cls: 'wrong', hidden: true });
      wrong.setAttribute('role', 'alert');
      const save = make('button', { type: 'submit', cls: 'main' }, 'Save');
      this.details = make('form', { cls: 'details' }, make('div', { cls: 'chips' }, ...chips), words, wrong,
        make('div', { cls: 'ends' }, save, link('Cancel', () => this.closeDetails())));
      this.details.onkeydown = event => { if (event.key === 'Escape') this.closeDetails(); };
      this.details.onsubmit = event => {
        event.preventDefault();
        const reasons = chips.filter(c => c.getAttribute('aria-pressed') === 'true').map(c => c.value);
        save.disabled = true;
        this.sent = this.sent.then(() => call('rate', keys.token, this.id, this.rating, reasons, words.value))
          .then(() => { this.closeDetails(); this.tell('Thanks, noted.'); window.hitlStatus.look(); },
            error => { save.disabled = false; wrong.hidden = false; wrong.textContent = `Not saved. ${error.message}`; });
      };
      this.why.setAttribute('aria-expanded', 'true');
      this.el.append(this.details);
      (chips[0] || words).focus();
      this.details.scrollIntoView({ block: 'nearest' });
    }

    closeDetails() {
      if (!this.details) return;
      const held = this.details.contains(document.activeElement);
      this.details.remove();
      this.details = null;
      this.why.setAttribute('aria-expanded', 'false');
      if (held) this.why.focus();
    }

    openEditor() {
      if (this.editor) return this.closeEditor();
      const area = make('textarea', { value: this.kept ?? this.text, label: 'The answer you wanted' });
      const wrong = make('p', { cls: 'wrong', hidden: true });
      wrong.setAttribute('role', 'alert');
      const save = make('button', { type: 'submit', cls: 'main' }, 'Save my version');
      const grow = () => { area.style.height = 'auto'; area.style.height = `${area.scrollHeight + 2}px`; };
      this.editor = make('form', { cls: 'editor' }, area, wrong,
        make('div', { cls: 'ends' }, save, link('Cancel', () => this.closeEditor())));
      area.oninput = () => { this.kept = area.value; grow(); };
      area.onkeydown = event => {
        if (event.key === 'Escape') this.closeEditor();
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) this.editor.requestSubmit();
      };
      this.editor.onsubmit = async event => {
        event.preventDefault();
        if (area.value === this.text) return this.closeEditor();
        save.disabled = true;
        try {
          await call('edit', keys.token, this.id, area.value);
          this.kept = undefined;
          this.closeEditor();
          this.tell('Thanks, your version is kept.');
          trigger('select', {});
          window.hitlStatus.look();
        } catch (error) {
          save.disabled = false;
          wrong.hidden = false;
          wrong.textContent = `Not saved. ${error.message}`;
        }
      };
      this.el.prepend(this.editor);
      this.el.classList.add('editing');
      grow();
      area.focus();
      this.editor.scrollIntoView({ block: 'nearest' });
    }

    closeEditor() {                            // what was typed stays for the next time it opens
      this.editor.remove();
      this.editor = null;
      this.el.classList.remove('editing');
      this.pen.focus();
    }

    async copy() {
      try {
        await navigator.clipboard.writeText(this.text);
        this.tell('Copied.');
        window.hitlSignals.note('copy_btn', this.id, this.text.length);
      } catch {
        this.tell('The browser does not allow copying here. Select the text instead.', true);
      }
    }

    pick(step, name) {
      const message = this.facts.drafts[this.facts.place + step];
      if (document.activeElement === this[name]) refocus = { message, name };
      trigger('select', { message });
    }
  }

  function read(message) {                     // a message of Gradio's -> what the bar needs
    const { id = '', log = '{}' } = message.metadata || {};
    const parts = Array.isArray(message.content) ? message.content : [message.content];
    const text = parts.map(part => typeof part === 'string' ? part : part.text || '').join('');
    let facts = {};
    try { facts = JSON.parse(log || '{}'); } catch { /* not ours */ }
    return { id, role: message.role, text, facts };
  }

  function place() {
    planned = 0;
    const rows = document.querySelectorAll('#chat .message-row'), shown = new Map();
    const log = document.querySelector('#chat .bubble-wrap');
    const near = log && log.scrollHeight - log.scrollTop - log.clientHeight < NEAR;
    const busy = turns.some(turn => turn.facts.writing);
    if (rows.length !== turns.length) return;  // Gradio is still drawing; its next change calls again
    rows.forEach((row, at) => {
      const turn = turns[at], key = turn.id || `new-${turn.role}`;
      if (!bars.has(key)) bars.set(key, new Bar(turn.id));
      const bar = bars.get(key), home = row.querySelector('.flex-wrap > div') || row;
      bar.update(turn, at === turns.length - 1, busy);
      for (const other of home.querySelectorAll(':scope > .bar')) if (other !== bar.el) other.remove();
      if (bar.el.parentElement !== home) home.append(bar.el);
      if (row.dataset.message !== turn.id) row.dataset.message = turn.id;
      row.toggleAttribute('data-writing', Boolean(turn.facts.writing));
      if (turn.id && turn.role === 'assistant') shown.set(turn.id, row);
      if (refocus && refocus.message === turn.id) {
        const button = bar[refocus.name];
        (button.disabled ? bar[refocus.name === 'next' ? 'back' : 'next'] : button).focus();
        refocus = null;
      }
    });
    if (near && log.scrollHeight - log.scrollTop - log.clientHeight > 1) log.scrollTop = log.scrollHeight;
    window.hitlSignals.watch(shown);
  }
  const plan = () => { planned ||= requestAnimationFrame(place); };
  function label() {                           // Gradio leaves these two without a name
    for (const [button, name] of [['.submit-button', 'Send'], ['.stop-button', 'Stop']]) {
      const found = document.querySelector(`#box ${button}`);
      if (found && !found.hasAttribute('aria-label')) found.setAttribute('aria-label', name);
    }
  }
  function watch() {                           // parts of the page may come in any order
    const chat = document.querySelector('#chat'), box = document.querySelector('#box');
    if (!chat || !box) return setTimeout(watch, 50);
    new MutationObserver(label).observe(box, { childList: true, subtree: true });
    label();
    new MutationObserver(plan).observe(chat, { childList: true, subtree: true });
    plan();
  }

  window.hitl = {
    sync(value) { turns = (value || []).map(read); plan(); },
    init(next) { if (next) { keys = next; window.hitlSignals.init(next); } },
    connect(next) { trigger = next; watch(); },
  };
})();
