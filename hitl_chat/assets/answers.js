// The bar under each answer: rate, say why, edit, copy, regenerate, undo, look at other drafts.
// Gradio draws the messages; this hangs a bar on each row. Text is only ever set as text.
(() => {
  if (window.hitl) return;
  const say = window.hitlSay, { make, tool, link, press, call } = window.hitlParts;
  const ENDED = { stop: 'stopped', closed: 'interrupted', error: 'broke off', length: 'cut at the limit' };
  const NEAR = 160;
  const bars = new Map(), given = new Map();   // by message id; ratings given since the page was read
  let trigger = () => {}, keys = { reasons: [], guidelines: [] }, turns = [], refocus = null, redone = null, planned = 0, all = false;

  class Bar {
    constructor(id) {
      this.id = id;
      this.sent = Promise.resolve();
      this.since = {};                         // said beside thumb and edit since the page was read
      this.up = tool('up', 'Good answer', () => this.rate(1));
      this.down = tool('down', 'Bad answer', () => this.rate(-1));
      this.pen = tool('edit', 'Edit this answer', () => this.toggle(this.pen, () => window.hitlForms.editor(this)));
      this.copier = tool('copy', 'Copy', () => this.copy());
      this.beside = tool('beside', 'Compare with another draft', () => this.toggle(this.beside, () => window.hitlBeside.compare(this)));
      this.again = tool('again', 'Regenerate', () => this.redo());
      this.undo = tool('undo', 'Undo: take the question back', () => this.takeBack());
      this.more = tool('more', 'More', () => this.tell('', false, this.note.hidden));
      this.back = tool('back', 'Draft before', () => this.pick(-1, 'back'));
      this.next = tool('next', 'Draft after', () => this.pick(1, 'next'));
      this.place = make('span');
      this.pager = make('span', { cls: 'pager' }, this.back, this.place, this.next);
      this.print = make('small', { cls: 'print' });
      this.dots = make('span', { cls: 'dots', role: 'img', label: say('Writing') }, '•', '•', '•');
      this.ahead = make('span', { role: 'status' });
      this.tools = make('span', { cls: 'tools' }, this.up, this.down, this.pen, this.copier, this.beside, this.again, this.undo, this.more);
      this.said = make('span', { role: 'status' });
      this.why = link('', () => this.toggle(this.why, () => window.hitlForms.reasons(this, keys.reasons)));
      this.score = link('Score it', () => this.toggle(this.score, () => window.hitlForms.scores(this, keys.guidelines)));
      this.traced = link('What did my rating do?', () => this.toggle(this.traced, () => window.hitlBeside.trace(this)));
      this.note = make('div', { cls: 'note', hidden: true }, this.said, this.why, this.score, this.traced);
      this.asked = link('compare with another draft?', () => this.toggle(this.asked, () => window.hitlBeside.compare(this)));
      this.ask = make('div', { cls: 'note', hidden: true }, say('Help it learn:'), this.asked);
      this.retry = make('div', { cls: 'note', hidden: true }, say('Not answered yet.'),
        link('Try again', () => this.redo()));
      this.line = make('div', { cls: 'line' }, this.dots, this.ahead, this.tools, this.pager, this.print);
      this.el = make('div', { cls: 'bar', role: 'group' }, this.line, this.ask, this.note, this.retry);
      this.el.setAttribute('aria-label', say('About this answer'));
      this.el.setAttribute('aria-live', 'off');
    }

    update(turn, last, busy) {
      const { facts, role, text } = turn, writing = Boolean(facts.writing), answer = role === 'assistant';
      this.text = text; this.facts = facts; this.last = last;
      this.tools.hidden = writing || !answer || facts.unstored;
      this.line.hidden = !answer;
      this.ask.hidden = !facts.asked || !last || busy;
      this.dots.hidden = !writing || Boolean(text);
      const waiting = writing && facts.ahead ? say('{n} before you', { n: facts.ahead }) : '';
      if (this.ahead.textContent !== waiting) this.ahead.textContent = waiting;
      this.again.hidden = this.undo.hidden = !last;
      for (const button of [this.again, this.undo, this.back, this.next, this.pen, this.beside]) button.disabled = busy;
      this.retry.hidden = answer || !last || busy || !this.id || facts.unstored;
      this.el.hidden = !answer && this.retry.hidden;
      if (!given.has(this.id)) this.stored = facts.rating || 0;
      this.rating = given.has(this.id) ? given.get(this.id) : this.stored;
      this.words = { ...facts.said, ...this.since };
      press(this.up, this.rating === 1);
      press(this.down, this.rating === -1);
      const count = facts.drafts ? facts.drafts.length : 1;
      this.pager.hidden = !answer || count < 2;
      this.place.textContent = `${(facts.place || 0) + 1}/${count}`;
      this.back.disabled ||= !facts.place;
      this.next.disabled ||= (facts.place || 0) + 1 >= count;
      const print = [facts.version, facts.edited && say('edited by you'), say(ENDED[facts.ended] || ''),
        facts.unstored && say('not stored: gone when this page or the server starts anew')];
      this.print.textContent = answer ? print.filter(Boolean).join(' · ') : '';
    }

    call(name, ...data) { return call(name, keys.token, this.id, ...data); }
    choose(...verdict) { return call('choose', keys.token, ...verdict); }
    takeBack() { document.querySelector('#box:not(#chat *) textarea').focus(); trigger('undo', {}); }
    redo() { redone = this.el; trigger('submit', { message: this.id }); }
    reread(shown = this.id) {                  // what takes this one's place has what was told here, and the focus
      if (this.last && shown !== this.id) refocus = { message: shown, name: 'beside', line: this.said.textContent };
      trigger('select', { all }); window.hitlStatus.look();
    }

    tell(text, wrong = false, shown = true) {
      this.note.hidden = !shown;
      this.more.setAttribute('aria-expanded', String(shown));
      this.note.classList.toggle('wrong', wrong);
      this.said.textContent = say(text);
      this.why.hidden = wrong || !this.rating;
      this.score.hidden = this.traced.hidden = wrong;
      this.why.textContent = say(this.rating === 1 ? 'Say what was good' : 'Say what was wrong');
    }

    show(rating) {
      given.set(this.id, rating);
      this.rating = rating;
      press(this.up, rating === 1);
      press(this.down, rating === -1);
    }

    keep(said) {                               // what a form begins with when it is opened again
      Object.assign(this.since, said);
      Object.assign(this.words, said);
    }

    rate(value) {
      const sent = this.send(this.rating === value ? 0 : value);
      this.close();
      this.tell(this.rating ? 'Thanks.' : 'Taken back.');
      sent.then(() => window.hitlStatus.look(), error => this.tell(say('Not saved. {why}', { why: error.message }), true));
    }

    send(rating, reasons = [], comment = '') { // shown at once, stored in turn; after the last one, what is stored is shown
      const store = () => this.call('rate', rating, reasons, comment)
        .then(() => { this.stored = rating; this.keep({ reasons, comment }); });
      this.show(rating);
      const sent = this.sent = this.sent.then(store, store);
      return sent.finally(() => { if (this.sent === sent) this.show(this.stored); });
    }

    toggle(opener, build) {                    // a second press closes what the first one opened
      const same = this.panel && this.opener === opener;
      this.close();
      if (same) return;
      build();
      this.opener = opener;
      opener.setAttribute('aria-expanded', 'true');
    }

    open(panel, focus, { instead = false } = {}) {
      this.panel = panel;
      panel.addEventListener('keydown', event => { if (event.key === 'Escape') this.close(); });
      if (instead) this.el.prepend(panel); else this.el.append(panel);
      this.el.classList.toggle('editing', instead);
      focus.focus();
      panel.scrollIntoView({ block: 'nearest' });
    }

    close() {                                  // what was typed into an editor stays for the next time
      if (!this.panel) return;
      const held = this.panel.contains(document.activeElement);
      this.panel.remove();
      this.panel = null;
      this.el.classList.remove('editing');
      this.opener.setAttribute('aria-expanded', 'false');
      if (held) this.opener.focus();
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
      trigger('select', { message, all });
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

  const earlier = make('div', { cls: 'note earlier', hidden: true },
    link('Show earlier messages', () => { all = true; trigger('select', { all }); }));
  function place() {
    planned = 0;
    translate();                               // Gradio draws the hint anew each time the chat is empty
    const named = [...document.querySelectorAll('#chat .message-row')], shown = new Map();
    const rows = named.filter(row => !row.parentElement.closest('.message-row'));   // markup in a message is named as it likes
    const log = document.querySelector('#chat .bubble-wrap');
    const near = log && log.scrollHeight - log.scrollTop - log.clientHeight < NEAR;
    earlier.hidden = !(turns[0] && turns[0].facts.earlier);
    if (log && earlier.parentElement !== log) log.prepend(earlier);
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
        if (refocus.line) bar.tell(refocus.line);
        refocus = null;
      }
    });
    if (near && log.scrollHeight - log.scrollTop - log.clientHeight > 1) log.scrollTop = log.scrollHeight;
    window.hitlSignals.watch(shown);
    if (!busy) restore();
  }
  function restore() {                         // a bar that was replaced took the focus with it
    if (!redone || redone.contains(document.activeElement)) return;
    const last = turns.length && bars.get(turns[turns.length - 1].id);
    if (last && document.activeElement === document.body) last.again.focus({ preventScroll: true });
    redone = null;
  }
  const plan = () => { planned ||= requestAnimationFrame(place); };
  const NAMED = [['.submit-button', 'Send'], ['.stop-button', 'Stop']];
  function label() {                           // Gradio leaves these two without a name
    for (const [button, name] of NAMED) {
      const found = document.querySelector(`#box:not(#chat *) ${button}`);
      if (found && !found.hasAttribute('aria-label')) found.setAttribute('aria-label', say(name));
    }
  }
  function translate() {                       // what the server wrote into the page
    const button = document.querySelector('#new'), mine = document.querySelector('#mine summary'), area = document.querySelector('#box textarea');
    const hint = document.querySelector('#chat .placeholder-content, #chat .placeholder');
    const name = document.querySelector('#box:not(#chat *) [data-testid=block-info]');
    for (const el of [button, mine, name, hint && (hint.querySelector('p') || hint)]) {
      if (el && say(el.textContent.trim()) !== el.textContent.trim()) el.textContent = say(el.textContent.trim());
    }
    if (area) area.placeholder = say(area.placeholder);
    sign();
  }
  function sign() {                            // in its own text: Gradio writes the name there later
    const button = document.querySelector('#sign-in'), text = button && [...button.childNodes].find(n => n.nodeType === 3 && n.data.trim());
    if (!text) return;
    const out = text.data.trim().match(/^Sign out \((.*)\)$/s);
    const said = out ? say('Sign out ({name})', { name: out[1] }) : say(text.data.trim());
    if (text.data.trim() !== said) text.data = said;
    button.title = /^(Sign in|登录)$/.test(said) ? say('Sign in with Hugging Face') : said;
  }
  function watch() {                           // parts of the page may come in any order
    const [chat, box, top] = ['#chat', '#box', '#top'].map(part => document.querySelector(part));
    if (!chat || !box || !top) return setTimeout(watch, 50);
    new MutationObserver(label).observe(box, { childList: true, subtree: true });
    new MutationObserver(translate).observe(top, { childList: true, subtree: true, characterData: true });
    label(); translate();
    new MutationObserver(plan).observe(chat, { childList: true, subtree: true });
    plan();
  }

  window.hitl = {
    sync(value) { turns = (value || []).map(read); plan(); },
    init(next) { if (next) { keys = next; window.hitlSignals.init(next); window.hitlMine.init(next); } },
    connect(next) { trigger = next; watch(); },
  };
})();
