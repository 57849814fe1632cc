// Two answers to one question side by side: blind, to choose between them; and before and after, with
// all that became of a rating. Each opens in the answer's bar. Knows the bar by `id`, `call`, `open`.
(() => {
  if (window.hitlBeside) return;
  const say = window.hitlSay, { make, link } = window.hitlParts;
  const SAID = { edit: 'what you wanted instead', choice: 'which draft is better', scores: 'scores' };

  const formed = node => typeof node === 'string' ? node
    : make(node.tag, node.start === undefined ? {} : { start: node.start }, ...node.inside.map(formed));
  const column = (title, answer) => make('section', { tabIndex: 0, ariaLabel: title },
    make('h3', {}, title), make('div', { cls: 'formed' }, ...answer.formed.map(formed)));
  function panel(bar, label, options) {
    const body = make('div', { cls: 'beside', role: 'status' });
    const el = make('div', { cls: 'editor', role: 'group', label: say(label) }, body);
    el.removeAttribute('title');
    const end = link('Close', () => bar.close());
    el.append(make('div', { cls: 'ends' }, end));
    bar.open(el, end, options);
    return body;
  }
  async function guarded(body, work) {
    try { await work(); } catch (error) {
      body.replaceChildren(make('p', { cls: 'wrong', role: 'alert' }, error.message));
    }
  }
  const another = bar => bar.call('again');

  async function compare(bar) {
    const body = panel(bar, 'Which answer is better?', { instead: true });
    body.textContent = say('Writing another answer…');
    await guarded(body, async () => {
      let { answers } = await bar.call('trace'), other = answers.filter(a => a.message !== bar.id && a.text).pop();
      if (!other) {
        const { message } = await another(bar);
        ({ answers } = await bar.call('trace'));
        other = answers.find(a => a.message === message);
      }
      const mine = answers.find(a => a.message === bar.id);
      const pair = Math.random() < .5 ? [mine, other] : [other, mine];
      const choose = async (chosen, rejected, verdict) => guarded(body, async () => {
        await bar.choose(chosen.message, rejected.message, verdict);
        bar.close();
        bar.tell(say('Thanks. A is from {a}, B from {b}.', { a: pair[0].version, b: pair[1].version }));
        bar.reread(verdict === 'better' ? chosen.message : bar.id);
      });
      const [a, b] = pair;
      body.replaceChildren(
        make('p', {}, say('The order is random; which version wrote which is told afterwards.')),
        make('div', { cls: 'pair' }, column('A', a), column('B', b)),
        make('div', { cls: 'chips' },
          make('button', { type: 'button', cls: 'chip', onclick: () => choose(a, b, 'better') }, say('A is better')),
          make('button', { type: 'button', cls: 'chip', onclick: () => choose(b, a, 'better') }, say('B is better')),
          make('button', { type: 'button', cls: 'chip', onclick: () => choose(a, b, 'tie') }, say('Tie')),
          make('button', { type: 'button', cls: 'chip', onclick: () => choose(a, b, 'both_bad') }, say('Both bad'))));
      body.scrollIntoView({ block: 'nearest' });  // it opened with one line
    });
  }

  function became(said) {
    if (said.kind === 'rating' || said.kind === 'scores') {
      return said.target === null ? 'no example' : 'an example: this question and answer, target {target}';
    }
    return 'a pair: one answer preferred to the other';
  }
  function opinion(said) {
    if (said.kind !== 'rating') return SAID[said.kind];
    return { 1: 'that it is good', 0: 'that it is bad' }[said.target] || 'took it back';
  }
  function facts({ said, use, cycle }) {
    const rows = [['You said', say(said ? opinion(said) : 'nothing yet')]];
    if (!said) return rows;
    rows.push(['Became', say(became(said), { target: said.target })]);
    if (!cycle) return [...rows, ['Training', say('it waits for the next one')]];
    const how = use === 'training' ? 'cycle {n} learned from it' : 'cycle {n} kept it apart, to check what was learned';
    rows.push(['Training', say(how, { n: cycle.id })]);
    rows.push(['Verdict', [cycle.status, cycle.status === 'promoted' && cycle.version, ...cycle.reasons].filter(Boolean).map(window.hitlTraining).join('; ')]);
    return rows;
  }
  async function trace(bar) {
    const body = panel(bar, 'What did my rating do?');
    const draw = async () => {
      const told = await bar.call('trace'), mine = told.answers.find(a => a.message === bar.id);
      const newer = told.answers.filter(a => a.version === told.served && a.version !== mine.version && a.text).pop();
      const list = make('dl', {}, ...facts(told).flatMap(([name, value]) =>
        [make('dt', {}, say(name)), make('dd', {}, value)]));
      const after = newer ? make('div', { cls: 'pair' }, column(`${say('Before')}: ${mine.version}`, mine),
        column(`${say('After')}: ${newer.version}`, newer)) : '';
      const ask = !newer && told.served !== mine.version && link(say('Answer it again with {version}', { version: told.served }),
        () => { ask.disabled = true; ask.textContent = say('Writing another answer…');
          guarded(body, async () => { await another(bar); await draw(); bar.reread(); }); });
      const none = !newer && !ask && make('p', {}, say('no newer version serves'));
      let words = make('div');
      const why = link('What the reward head makes of it', () => {
        const fresh = make('div');  // what the one before still waits for ends with it
        words.replaceWith(fresh);
        words = fresh;
        guarded(words, () => window.hitlHeat.explain(bar, fresh));
      });
      body.replaceChildren(list, after, ask || none || '', make('p', {}, why), words);
    };
    await guarded(body, draw);
  }
  window.hitlBeside = { compare, trace };
})();
