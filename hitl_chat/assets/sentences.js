// What the server says of training, in Chinese where the browser is: it writes English, and a sentence with
// figures is known by its form. Knows neither page.
(() => {
  if (window.hitlSentences) return;
  // {name} stays as it is, {~name} is looked up too.
  const TRAINING = {
    'mark': '标记', 'targets': '目标', 'fit': '拟合', 'update': '更新', 'gate': '检验', 'publish': '发布',
    'loading the model': '正在加载模型', 'freezing the feedback': '正在截取反馈', 'reading the feedback': '正在读取反馈', 'fitting the reward head on {n} labels': '正在用 {n} 个标签拟合奖励模型',
    'answering held-out questions with the served version': '正用当前版本回答留出的问题', 'answering held-out questions with the candidate': '正用候选版本回答留出的问题',
    'preparing the rated answers': '正在准备评价过的回答', 'publishing the adapter': '正在发布适配器', 'starting afresh from the base: {why}': '从基础模型重新开始:{why}',
    'learning what words are worth, attempt {i} of at most {n}': '正在学习词语的价值,第 {i} 次尝试,最多 {n} 次', 'learning from the rated answers': '正在从评价过的回答中学习',
    'update {i} of {n}: reward {reward}, KL {kl}': '第 {i}/{n} 次更新:奖励 {reward},KL {kl}',
    'promoted': '已上线', 'refused': '被拒绝', 'failed': '失败', 'skipped': '跳过', 'interrupted': '中断', 'running': '进行中',
    '{n} labels to learn from; {least} are needed.': '可学习的标签有 {n} 个,需要 {least} 个。', 'All ratings say the same; the reward head needs likes and dislikes.': '所有评价都一样;奖励模型需要喜欢和不喜欢。',
    'Held-out reward: wins {a} of {n} answers to {q} questions (surely {b}; above 50% is needed) against the served version, {from} to {to}.': '留出问题上的奖励:对 {q} 个问题的 {n} 个回答中胜过当前版本 {a}(至少 {b};需要超过 50%),{from} 到 {to}。',
    'KL to the base is {kl} nats per token; at most {most}.': '与基础模型的 KL 为每词元 {kl} 纳特;最多 {most}。', 'The base is {x} as surprised; at most {most}.': '基础模型的意外程度为 {x};最多 {most}。',
    'Answers are {x} as long; {low} to {high}.': '回答长度为 {x};{low} 至 {high}。', 'Distinct bigrams are {x}; at least {least}.': '不同的二元词组为 {x};至少 {least}。',
    'Repetition changed by {x}; at most {most}.': '重复变化 {x};最多 {most}。', 'Canary questions lost: none.': '没有丢失常识题。', 'Canary questions lost: {lost}.': '丢失的常识题:{lost}。',
    'The reward head ranks unseen answers worse than chance (AUC {auc}).': '奖励模型对没见过的回答的排序还不如随机(AUC {auc})。',
    'Those who said less than {n} things like what the regulars dislike (AUC {auc}, at most {most}): exclude either in the review, or hear regulars alone, {setting}.': '发言少于 {n} 次的人喜欢常客不喜欢的(AUC {auc},最多 {most}):请在审阅中排除其中一方,或用 {setting} 只听常客的。',
    'What people said may be chance: dealt out anew among the same answers it fits as well in {share} of all draws (at most {most}). Rate more answers.': '人们所说的可能只是偶然:随机重新分给同样的回答,有 {share} 的情况同样吻合(最多 {most})。请再评价一些回答。',
    'One that scored higher was refused: {~why}': '一个得分更高的被拒绝:{why}', '{s} serves now, and the candidate was compared with {v}.': '现在由 {s} 服务,而候选版本是与 {v} 比较的。',
    'cycle {n}': '第 {n} 轮', 'cycle {n} {~status}': '第 {n} 轮{status}', 'cycle {n} promoted as {v}': '第 {n} 轮已上线,版本 {v}', 'cycle {n}. {~detail}': '第 {n} 轮:{detail}',
  };

  // Returns what puts these sentences in Chinese, and `more` of them; whatever else is said stays as it is.
  window.hitlSentences = (more = {}) => {
    const ZH = { ...TRAINING, ...more };
    const forms = Object.keys(ZH).filter((text) => text.includes('{')).map((text) => {
      const names = [...text.matchAll(/\{(~?\w+)\}/g)].map((found) => found[1]);
      const parts = text.split(/\{~?\w+\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
      return { form: new RegExp(`^${parts.join('(.+?)')}$`, 's'), names, said: ZH[text], plain: parts.join('').length };
    }).sort((one, other) => other.plain - one.plain); // what says most fits best

    function filled(text) {
      for (const { form, names, said } of forms) {
        const found = form.exec(text);
        if (!found) continue;
        const values = Object.fromEntries(names.map((name, place) => [
          name.replace('~', ''), name.startsWith('~') ? say(found[place + 1]) : found[place + 1],
        ]));
        return said.replace(/\{(\w+)\}/g, (whole, name) => values[name]);
      }
      return null;
    }

    // Reasons, bounds and figures stand side by side on one line, a format's name before what it is for.
    function say(text) {
      if (!/[a-z]/i.test(text)) return text;
      if (ZH[text]) return ZH[text];
      const reasons = text.split(/(?<=\.); /); // each by itself: most have a semicolon of their own
      if (reasons.length > 1) return reasons.map(say).join(';').replaceAll('。;', '。');
      for (const between of ['; ', /(?<=\.) (?=[A-Z])/, ', ']) {
        const parts = text.split(between);
        const said = parts.map((part) => (parts.length > 1 ? say(part) : part));
        if (said.every((part, place) => part !== parts[place])) return said.join(';').replaceAll('。;', '。');
      }
      const [, name, rest] = /^([\w-]+): (.+)$/s.exec(text) ?? [];
      return ZH[rest] ? `${name}:${ZH[rest]}` : filled(text) ?? text;
    }
    return say;
  };
})();
