// What the reward head makes of each word of an answer: a heat map, with the words that add and take
// most. Asks until a process of its own has found out. Knows the bar by `id`, `call`.
(() => {
  if (window.hitlHeat) return;
  const say = window.hitlSay, { make } = window.hitlParts, LOOK_MS = 1000;
  const WHY_NOT = {
    no_head: 'No training has looked at ratings yet. After the next one this can be told.',
    no_trainer: 'This server only chats: what is needed to tell that is not installed here.',
    busy: 'Others are asking too. Try again in a minute.',
    failed: 'That could not be found out. The server\'s log says why.',
  };
  const points = share => `${share < 0 ? '−' : '+'}${(100 * Math.abs(share)).toFixed(1)}`;
  const round = share => Math.round(100 * share);
  const named = text => text === '(end)' ? say(text) : text;

  function listed(name, words) {
    const items = words.map(word => `${named(word.text)} ${points(word.share)}`);
    return words.length ? make('p', {}, `${say(name)}: ${items.join(', ')}`) : '';
  }
  function drawn(told) {
    const words = told.tokens.reduce((sum, token) => sum + token.share, 0);
    const facts = [
      say('The reward head of cycle {n} expects {mean} of 100 people to like this answer; its members differ by ±{spread}.',
        { n: told.cycle, mean: round(told.mean), spread: (100 * told.spread).toFixed(1) }),
      say('An average answer gets {start}; these words add {words}, length and markup {form}.',
        { start: round(told.start), words: points(words), form: points(told.form) }),
      told.head_share < 1 && say('{n}% of the reward is the host\'s own function, which isn\'t in here.',
        { n: round(1 - told.head_share) }),
    ];
    const spans = told.tokens.map(({ text, share, level }) => make('span', {
      cls: level ? `${level > 0 ? 'more' : 'less'}-${Math.abs(level)}` : '', title: points(share),
    }, text || say('(end)')));
    if (told.rest) spans.push(make('span', { cls: 'rest', title: say('Training looks no further.') }, told.rest));
    return make('div', { cls: 'heat' }, make('p', {}, facts.filter(Boolean).join(' ')),
      make('p', { cls: 'map' }, ...spans), listed('Adds most', told.adds), listed('Takes most', told.takes));
  }

  async function explain(bar, place) {
    const seconds = make('span', { ariaHidden: 'true' });
    place.replaceChildren(make('p', {}, say('Asking about each word…'), seconds));
    while (place.isConnected) {
      const look = await bar.call('explain');
      if (look.state !== 'working') {
        place.replaceChildren(look.told ? drawn(look.told) : make('p', {}, say(WHY_NOT[look.state])));
        return place.scrollIntoView({ block: 'nearest' });
      }
      seconds.textContent = ` ${look.seconds} s`;
      await new Promise(later => setTimeout(later, LOOK_MS));
    }
  }
  window.hitlHeat = { explain };
})();
