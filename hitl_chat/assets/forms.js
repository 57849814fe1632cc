// What people say about an answer beyond one tap: why, scores by criterion, and their own version
// with what they changed. Each opens in the answer's bar. Knows the bar by `id`, `call`, `open`.
(() => {
  if (window.hitlForms) return;
  const say = window.hitlSay, { make, link, press } = window.hitlParts;
  const MOST_CELLS = 2e6;              // of the table that finds what two texts share
  let task = '';                       // people mostly stay with one

  function form(cls, label, save, ...parts) {
    const wrong = make('p', { cls: 'wrong', hidden: true, role: 'alert' });
    const button = make('button', { type: 'submit', cls: 'main' }, say(save));
    const ends = make('div', { cls: 'ends' }, button);
    const el = make('form', { cls }, ...parts, wrong, ends);
    el.setAttribute('aria-label', say(label));
    let sending = false;
    el.send = async work => {          // a disabled button would drop the focus
      if (sending) return;
      sending = true;
      button.ariaDisabled = 'true';
      try { await work(); } catch (error) {
        sending = false;
        button.ariaDisabled = 'false';
        wrong.hidden = false;
        wrong.textContent = say('Not saved. {why}', { why: error.message });
      }
    };
    el.ends = ends;
    return el;
  }

  function reasons(bar, known) {
    const rating = bar.rating;           // another one may be shown by the time this is saved
    const { reasons: named = [], comment = '' } = rating === bar.stored ? bar.words : {};
    const chips = rating === 1 ? [] : known.map(reason => {
      const chip = make('button', { type: 'button', cls: 'chip', value: reason }, say(reason));
      press(chip, named.includes(reason));
      chip.onclick = () => press(chip, chip.getAttribute('aria-pressed') !== 'true');
      return chip;
    });
    const words = make('textarea', { rows: 2, maxLength: 2000, label: say('Your own words'), value: comment,
      placeholder: say('In your own words (optional)') });
    const title = rating === 1 ? 'Say what was good' : 'Say what was wrong';
    const el = form('details', title, 'Save', make('div', { cls: 'chips' }, ...chips), words);
    el.ends.append(link('Cancel', () => bar.close()));
    el.onsubmit = event => {
      event.preventDefault();
      const given = chips.filter(c => c.getAttribute('aria-pressed') === 'true').map(c => c.value);
      el.send(async () => {
        await bar.send(rating, given, words.value);
        bar.close(); bar.tell('Thanks, noted.');
      });
    };
    bar.open(el, chips[0] || words);
  }

  function scores(bar, guidelines) {
    const { guideline: by, scores: before = {} } = bar.words, scored = guidelines.find(g => g.name === by);
    const shown = scored ? scored.task : task;
    const choice = make('select', { label: say('Task') },
      ...guidelines.map(g => make('option', { value: g.task, selected: g.task === shown }, say(g.task))));
    const rows = make('div', { cls: 'criteria' });
    const guideline = () => guidelines.find(g => g.task === choice.value);
    const draw = () => {
      task = choice.value;
      rows.replaceChildren(...Object.entries(guideline().criteria).map(([name, meaning]) => criterion(name, meaning)));
    };
    const criterion = (name, meaning) => {
      const set = make('fieldset', {}, make('legend', {}, say(name)), make('small', {}, say(meaning)));
      const marks = make('div', { cls: 'marks' });
      for (const mark of [1, 2, 3, 4, 5]) {
        const checked = guideline() === scored && before[name] === mark;
        marks.append(make('label', {}, make('input', { type: 'radio', name, value: mark, checked }), String(mark)));
      }
      set.append(marks);
      return set;
    };
    choice.onchange = draw;
    const el = form('details', 'Score it', 'Save scores', choice, rows);
    const send = (scores, told) => el.send(async () => {
      await bar.call('score', guideline().name, scores);
      bar.keep({ guideline: guideline().name, scores });
      bar.close(); bar.tell(told);
    });
    if (Object.keys(before).length) el.ends.append(link('Take scores back', () => send({}, 'Taken back.')));
    el.ends.append(link('Cancel', () => bar.close()));
    el.onsubmit = event => {
      event.preventDefault();
      const given = [...new FormData(el)].map(([name, mark]) => [name, Number(mark)]);
      if (given.length) send(Object.fromEntries(given), 'Thanks, noted.'); else bar.close();
    };
    draw();
    bar.open(el, choice);
  }

  const tokens = text => text.match(/[㐀-鿿]|\s+|[^\s㐀-鿿]+/g) || [];
  function changes(before, after) {    // longest common subsequence of words
    const a = tokens(before), b = tokens(after), width = b.length + 1;
    if (a.length * b.length > MOST_CELLS) return [['del', before], ['ins', after]];
    const best = new Uint16Array((a.length + 1) * width);
    for (let i = a.length - 1; i >= 0; i--) for (let j = b.length - 1; j >= 0; j--) {
      best[i * width + j] = a[i] === b[j] ? best[(i + 1) * width + j + 1] + 1
        : Math.max(best[(i + 1) * width + j], best[i * width + j + 1]);
    }
    const found = [];
    const add = (kind, text) => {
      const last = found[found.length - 1];
      if (last && last[0] === kind) last[1] += text; else found.push([kind, text]);
    };
    let i = 0, j = 0;
    while (i < a.length || j < b.length) {
      if (i < a.length && j < b.length && a[i] === b[j]) { add('span', a[i++]); j++; }
      else if (j >= b.length || (i < a.length && best[(i + 1) * width + j] >= best[i * width + j + 1])) add('del', a[i++]);
      else add('ins', b[j++]);
    }
    return found;
  }

  function editor(bar) {
    const area = make('textarea', { value: bar.kept ?? bar.text, label: say('The answer you wanted') });
    const diff = make('p', { cls: 'diff', role: 'group', tabIndex: 0, label: say('Your changes') });
    const original = bar.facts.given ?? bar.text;
    let planned = 0;
    const compare = () => {
      planned = 0;
      diff.hidden = area.value === original;
      if (!diff.hidden) diff.replaceChildren(...changes(original, area.value).map(([kind, text]) => make(kind, {}, text)));
    };
    const grow = () => { area.style.height = 'auto'; area.style.height = `${area.scrollHeight + 2}px`; };
    const el = form('editor', 'Edit this answer', 'Save my version', area, diff);
    el.ends.append(link('Cancel', () => bar.close()));
    const send = (text, told) => el.send(async () => {
      await bar.call('edit', text);
      bar.kept = undefined;
      bar.close(); bar.tell(told); bar.reread();
    });
    if (bar.facts.edited) el.ends.append(link('Take my version back', () => send(null, 'Taken back.')));
    area.oninput = () => { bar.kept = area.value; grow(); planned ||= setTimeout(compare, 150); };
    area.onkeydown = event => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) el.requestSubmit();
    };
    el.onsubmit = event => {
      event.preventDefault();
      if (area.value === bar.text) bar.close(); else send(area.value, 'Thanks, your version is kept.');
    };
    compare();
    bar.open(el, area, { instead: true });
    grow();
  }
  window.hitlForms = { reasons, scores, editor };
})();
