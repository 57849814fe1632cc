// The quiet line under the input: how much feedback waits, when the model trains next, and how far
// a running training is. Opens into a panel. Asks the public /status only while it is looked at.
(() => {
  if (window.hitlStatus) return;
  const EVERY_MS = 3000, PHASES = ['mark', 'targets', 'fit', 'update', 'gate', 'publish'];
  const NAMES = { mark: 'collecting', targets: 'preparing', fit: 'fitting the reward', update: 'practising',
    gate: 'checking the result', publish: 'publishing' };
  const PANEL = '#learning:not(#chat *)';    // markup in a message is named as it likes
  const say = window.hitlSay, training = window.hitlTraining;
  let looking = false;

  const waiting = (n, then) => say(`{n} ${n === 1 ? 'piece' : 'pieces'} of feedback waiting; ${then}`, { n });
  const overall = run => (Math.max(0, PHASES.indexOf(run.phase)) + run.progress) / PHASES.length;
  function headline(status) {
    const { running, feedback, next_training: next, problem } = status;
    if (running) return say('Learning now: {phase}, {share}%', { phase: say(NAMES[running.phase] || running.phase), share: Math.round(running.progress * 100) });
    if (problem) return window.hitlTold(problem);
    if (next.trainer === 'off') return waiting(feedback.waiting, 'training is switched off');
    if (!next.missing) return waiting(feedback.waiting, 'training starts shortly');
    if (feedback.waiting >= next.after) return say('{n} pieces of feedback waiting; training starts after {missing} more', { n: feedback.waiting, missing: next.missing });
    return say('{n} of {after} pieces of feedback until the next training', { n: feedback.waiting, after: next.after });
  }
  function lastCycle(cycle) {
    if (!cycle) return say('none so far');
    const reasons = (cycle.verdict && cycle.verdict.reasons) || [];
    const end = cycle.version && cycle.status === 'promoted' ? ` as ${cycle.version}` : '';
    return [`cycle ${cycle.id} ${cycle.status}${end}`, cycle.error, ...[].concat(reasons)].filter(Boolean).map(training).join('; ');
  }
  function facts(status) {
    const rows = [['Serving now', status.version], ['Feedback so far', status.feedback.total],
      ['Waiting for a training', status.feedback.waiting], ['Last training', lastCycle(status.cycle)]];
    if (status.running) rows.push(['Running', training([`cycle ${status.running.id}`, status.running.detail].filter(Boolean).join('. '))]);
    if (status.problem) rows.push(['Problem', window.hitlTold(status.problem)]);
    return rows;
  }
  function set(element, text) { if (element.textContent !== text) element.textContent = text; }

  function draw(status) {
    const panel = document.querySelector(PANEL);
    if (!panel) return;
    const [line, bar] = panel.querySelector('summary').children, list = panel.querySelector('dl');
    set(line, headline(status));
    bar.hidden = !status.running;
    if (status.running) bar.value = overall(status.running);
    list.replaceChildren(...facts(status).flatMap(([name, value]) => {
      const term = document.createElement('dt'), text = document.createElement('dd');
      term.textContent = say(name); text.textContent = String(value);
      return [term, text];
    }));
  }
  async function look() {
    if (looking || document.visibilityState !== 'visible') return;
    looking = true;
    try {
      const response = await fetch(new URL('gradio_api/run/status', document.baseURI), {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"data":[]}',
        signal: AbortSignal.timeout(10000) });
      const answer = await response.json();
      if (answer.data) draw(answer.data[0]);
    } catch { /* the next look is seconds away, and the chat itself says when the server is gone */ }
    looking = false;
  }
  document.addEventListener('visibilitychange', look);
  document.addEventListener('click', event => {  // a click elsewhere closes the panel
    const panel = document.querySelector(`${PANEL}[open]`);
    if (panel && !panel.contains(event.target)) panel.open = false;
  });
  document.addEventListener('keydown', event => {
    const panel = event.key === 'Escape' && document.querySelector(`${PANEL}[open]`);
    if (panel) { panel.open = false; panel.querySelector('summary').focus(); }
  });
  setInterval(look, EVERY_MS);
  window.hitlStatus = { look };
})();
