// "Your data": what is stored, what the person agrees to, take it along, be erased. Asks when opened.
(() => {
  if (window.hitlMine) return;
  const { make, link, call } = window.hitlParts, say = window.hitlSay;
  const KEPT = 'hitl-chat';                    // where Gradio keeps the token in this browser
  const PARTS = [
    ['store', 'Store my chats', 'Off: what is stored of you is erased now, and later chats are only in memory.'],
    ['train', 'Let the model learn from them', 'Off: no training reads them any more. What it has learned stays learned.'],
    ['publish', 'Let them be published', 'On: they may be part of a public data set, without your name.'],
  ];
  const body = make('div'), said = make('p', { role: 'status' });   // said stays: a new one may not be read out
  let token = '', account = false;

  const tell = (text, wrong) => { said.textContent = text; said.classList.toggle('wrong', Boolean(wrong)); };
  async function attempt(work) {
    const held = document.activeElement;
    body.inert = true;                         // which takes the focus away
    try { return await work(); } catch (error) { tell(error.message, true); return null; } finally {
      body.inert = false;
      if (document.activeElement === document.body && body.contains(held)) held.focus();
    }
  }

  async function erasing(work) {               // rows are gone, and asking again would clear no copy of them
    try { return await work(); } catch (error) {
      if (!/^Erased, but /.test(error.told)) throw error;
      alert(error.message);
      return {};
    }
  }

  function save(data) {
    const file = new Blob([JSON.stringify(data, null, 1)], { type: 'application/json' });
    const anchor = make('a', { href: URL.createObjectURL(file), download: 'my-chats.json' });
    anchor.click();
    setTimeout(() => URL.revokeObjectURL(anchor.href), 1000);
  }
  async function agree(boxes) {
    tell('');
    const mine = await attempt(() => erasing(() => call('agree', token, ...PARTS.map(([part]) => boxes[part].checked))));
    if (!mine) return look();
    if (mine.agreed) draw(mine);
    tell(say('Saved.'));
    if (!boxes.store.checked) setTimeout(() => location.reload(), 800);
  }
  async function erase() {
    if (!confirm(say('Erase everything that is stored of you? This can not be undone.'))) return;
    if (!await attempt(() => erasing(() => call('erase', token)))) return;
    if (!account) localStorage.removeItem(KEPT);  // beside an account's it holds who they were before
    location.reload();
  }
  function choices(mine) {
    const boxes = {};
    return PARTS.map(([part, name, meaning], at) => {
      const before = at ? mine.agreed[PARTS[at - 1][0]] : true;
      const box = make('input', { type: 'checkbox', name: part, checked: mine.agreed[part], disabled: !before });
      box.onchange = () => {
        const sure = part !== 'store' || box.checked || confirm(say('Erase what is stored, and store nothing from now on?'));
        if (sure) agree(boxes); else box.checked = true;
      };
      boxes[part] = box;
      return make('label', {}, box, make('span', {}, say(name), make('small', {}, say(meaning))));
    });
  }
  function draw(mine) {
    const { conversations = 0, messages = 0, feedback = 0, signals = 0 } = mine.stored;
    const counts = say('Stored of you: conversations {conversations}, messages {messages}, ratings and edits {feedback}, traces of reading {signals}.',
      { conversations, messages, feedback, signals });
    const learned = mine.learned.length
      ? say('Versions that learned from you: {versions}. That can not be taken out of them.', { versions: mine.learned.join(', ') })
      : say('No version has learned from you so far.');
    const held = body.contains(document.activeElement) && document.activeElement.name;
    const whose = account ? [make('p', {}, say('You are signed in: this is what your account chatted, the same on every device. What was chatted here before comes back when you sign out.'))] : [];
    body.replaceChildren(...whose, make('p', {}, counts), make('p', {}, learned), ...choices(mine),
      make('div', { cls: 'ends' }, link('Download my data', async () => {
        const all = await attempt(() => call('everything', token));
        if (all) save(all);
      }), link('Erase me', erase)), make('small', {}, say('Your number here: {rater}', { rater: mine.rater })));
    if (held) body.querySelector(`[name=${held}]`).focus();
  }
  async function look() {
    if (!body.isConnected) document.querySelector('#mine > div').append(body, said);
    if (!token) return body.replaceChildren(make('p', {}, say('Nothing is stored of you yet. Your first question is stored, and the model learns from what you say about answers.')));
    const mine = await attempt(() => call('mine', token));
    if (mine) draw(mine); else body.replaceChildren();   // a switch there may not be as it is stored
  }

  // A first question makes a person. Asked in another tab it made one for this browser, and this tab
  // goes on as they: a question here would make a second one, in whose place nobody finds the first.
  let known = false;
  function join() {
    const area = document.querySelector('#box textarea:not(#chat *)');
    const asks = !area || area.value || document.querySelector('#chat .message-row');
    if (known && !token && !asks && document.visibilityState === 'visible') location.reload();
  }
  window.addEventListener('storage', event => {
    if (event.key === KEPT && event.oldValue === null && event.newValue !== null) known = true;
    join();
  });
  document.addEventListener('visibilitychange', join);
  document.addEventListener('toggle', event => {
    if (event.target.id === 'mine' && event.target.open) { tell(''); look(); }
  }, true);
  document.addEventListener('click', event => {  // a click elsewhere closes the panel
    const open = document.querySelector('#mine[open]');
    if (open && event.target.isConnected && !open.contains(event.target)) open.open = false;
  });
  document.addEventListener('keydown', event => {
    const open = event.key === 'Escape' && document.querySelector('#mine[open]');
    if (open) { open.open = false; open.querySelector('summary').focus(); }
  });
  function init(keys) {
    const others = token !== keys.token;
    token = keys.token; account = Boolean(keys.account);
    if (others && document.querySelector('#mine[open]')) look();   // it was opened before anyone was known
  }
  window.hitlMine = { init };
})();
