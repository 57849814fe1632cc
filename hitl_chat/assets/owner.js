// The owner's page in Chinese, where the browser is: what stands here and in `sentences.js` is put in place
// of the server's English. People's own words and names of versions stay as they are.
(() => {
  if (!(navigator.language || '').toLowerCase().startsWith('zh')) return;
  const ZH = {
    "Owner's page": '主办者页面', 'to the chat': '去聊天', 'Serves': '正在服务', 'Waiting': '等待训练', 'Next training': '下次训练',
    'is due': '即将开始', 'after {n} more': '再收 {n} 条之后', '{~due} (trainer is off)': '{due}(训练已关闭)',
    'Version {v} serves; no training runs.': '版本 {v} 正在服务;没有训练在进行。',
    'Version {v} serves; training is in phase {~phase}.': '版本 {v} 正在服务;训练进行到:{phase}。',
    'No training runs right now.': '现在没有训练在进行。', 'This phase': '这一步',
    'Cycle {n}: {~phase}, {share}.': '第 {n} 轮:{phase},{share}。', 'Cycle {n}: {~phase}, {share}. {~detail}': '第 {n} 轮:{phase},{share}。{detail}',

    'Feedback': '反馈', 'Training': '训练', 'Versions': '版本', 'Review': '审阅', 'Raters and bias': '评价者与偏差', 'Export': '导出',
    'Nothing yet.': '还没有。', 'As a table': '以表格显示', '{~title}; the table below says the same': '{title};下面的表格内容相同',
    'Feedback by day': '每日反馈', 'likes': '喜欢', 'dislikes': '不喜欢', 'edits': '修改', 'choices': '选择', 'scores': '打分',
    'Liked answers by version': '各版本受喜欢的回答', 'All versions': '所有版本', 'Version': '版本', 'Answers': '回答', 'Liked, 90% interval': '喜欢率,90% 区间',
    'Share, 90% interval': '比例,90% 区间', 'not rated yet': '还没有评价', '{p} ({low} to {high}) of {n}': '{p}({low} 至 {high}),共 {n}',

    'Reward head, on held-out feedback': '奖励模型,在留出的反馈上', 'Reward head: foretold and liked': '奖励模型:预测与实际喜欢',
    'Implicit signals: foretold and liked': '隐式信号:预测与实际喜欢', 'foretold to be liked': '预测会被喜欢', 'Foretold to be liked': '预测会被喜欢', 'Were liked, 90% interval': '实际喜欢,90% 区间',
    'auc': 'AUC', 'accuracy': '准确率', 'precision': '精确率', 'recall': '召回率', 'f1': 'F1', 'pair accuracy': '成对准确率', 'goes by': '依据', 'cycle': '轮次',
    'Implicit signals: no training has seen any yet.': '隐式信号:还没有训练见过。', 'Implicit signals: {n} ratings beside them say too little: not used yet.': '隐式信号:同时有的评价只有 {n} 条,说明不了什么:尚未使用。',
    'Implicit signals: AUC {auc} ({low} to {high}) against {n} ratings: {~used}.': '隐式信号:与 {n} 条评价相比 AUC {auc}({low} 至 {high}):{used}。', 'used': '已使用', 'not used yet': '尚未使用',
    'Cycles': '训练轮次', 'Cycle': '轮次', 'Result': '结果', 'Why': '原因', 'Ended': '结束于',
    'prompts {n}': '练习的问题 {n}', 'heldout prompts {n}': '留出的问题 {n}', 'updates {n}': '更新 {n} 次', 'examples {n}': '样本 {n}', 'weight change {x}': '权重变化 {x}', 'update {name}': '方法 {name}', 'stopped {~why}': '结束于 {why}',
    'Exams on other questions': '用其他问题的考试', 'After': '之后', 'Score': '分数', 'Bounds': '界限', 'tilt': '倾斜', 'practice': '练习', 'within bounds': '在界限之内',
    'KL to the base, nats a token': '与基础模型的 KL,每词元纳特', 'Clip fraction': '裁剪比例', 'Entropy, nats a token': '熵,每词元纳特', 'Value loss': '价值损失', 'Surprise of the base, nats a token': '基础模型的意外程度,每词元纳特',
    'Update of cycle': '哪一轮的更新', 'No cycle has practised yet.': '还没有哪一轮练习过。', 'Cycle {n} ended its update with: {~stopped}.': '第 {n} 轮的更新结束于:{stopped}。',
    'Cycle {n} ended its update with: {~stopped}. Faint: the {k} before it.': '第 {n} 轮的更新结束于:{stopped}。淡色:之前的 {k} 轮。',
    'all updates done': '全部更新完成', 'all epochs done': '全部训练遍数完成', 'the score on unpractised questions rose no more after {n}': '未练习问题上的分数在 {n} 之后不再上升',

    'Serve this version': '启用这个版本', 'Roll back to the one before': '退回上一个版本', 'From': '来自', 'Made': '制作于', 'serves now': '正在服务', 'Served': '服务记录', 'Since': '自',
    'promoted by cycle {n}': '由第 {n} 轮上线', 'rolled back by hand from {v}': '手动从 {v} 退回', 'Version {v} serves from now on.': '从现在起由版本 {v} 服务。',
    '{v} on trial: {a} of {n} liked, {~against}': '{v} 正在试用:{n} 条中 {a} 条喜欢,{against}', '{v} kept after its trial: {a} of {n} liked, {~against}': '{v} 试用后保留:{n} 条中 {a} 条喜欢,{against}',
    'rolled back by itself from {v}: {a} of {n} liked, {~against}': '自动从 {v} 退回:{n} 条中 {a} 条喜欢,{against}', 'against {a} of {n} for {v}': '相比之下 {v} 为 {n} 条中 {a} 条',
    'against half expected of {v}, which nobody rated': '而没有人评价过的 {v} 按一半预期', 'no sure sign that it is liked less': '没有更不受喜欢的可靠迹象',
    '{odds} to 1 that it is liked less ({sure} to 1 decides)': '更不受喜欢的几率为 {odds} 比 1({sure} 比 1 即可判定)', '{odds} to 1 that it is liked more ({sure} to 1 decides)': '更受喜欢的几率为 {odds} 比 1({sure} 比 1 即可判定)',
    "Version '{v}' has no folder any more. Name another one.": '版本 {v} 的文件夹已不存在,请选择另一个。',
    'Version {v} was refused, {s} keeps serving: {why}': '版本 {v} 被拒绝;{s} 继续服务:{why}', 'Version {v} waits, {s} keeps serving: {why}': '版本 {v} 在等待;{s} 继续服务:{why}',
    'No snapshot could be stored; a restart would lose data: {why}': '快照没能保存;重启会丢失数据:{why}', 'Snapshots from before an erasure could not be deleted; they still hold who was erased: {why}': '删除之前的快照没能清除;其中还有已删除的人:{why}', 'Somebody was erased, and not every copy of what they said is cleared: {why}': '有人已被删除,但其所说内容的副本没能全部清除:{why}',
    'Not saved: {why}. Try again shortly.': '没有保存:{why}。请稍后再试。', 'The reason has {n} characters; the limit is {most}.': '理由有 {n} 个字符,上限是 {most}。',
    'Warning': '提示', 'Info': '提示', 'Error': '出错', 'Nothing changed': '没有改变', 'Choose a version first.': '请先选择一个版本。', "Version '{v}' serves already.": '版本 {v} 已经在服务。', 'The base model serves; there is nothing before it to roll back to.': '正在服务的是基础模型,之前没有可退回的版本。',

    'Search words': '搜索词', 'Show': '显示', 'everything': '全部', 'disliked': '不喜欢', 'liked': '喜欢', 'with a comment': '有评论', 'excluded': '已排除',
    'Answers, newest first': '回答,最新的在前', 'Answers: nothing like that was found': '回答:没有找到', 'Newest': '最新', 'Older': '更早', 'There are no older ones.': '没有更早的了。',
    'Liked: {line}': '喜欢:{line}', 'Disliked: {line}': '不喜欢:{line}', 'Not rated: {line}': '未评价:{line}',
    'Liked: excluded, {line}': '喜欢:已排除,{line}', 'Disliked: excluded, {line}': '不喜欢:已排除,{line}', 'Not rated: excluded, {line}': '未评价:已排除,{line}',
    'Choose an answer to read it in its conversation.': '选择一个回答,在对话中阅读。', 'What the reward head makes of it': '奖励模型怎么看它', 'Reason to exclude it': '排除的理由',
    'Exclude': '排除', 'Restore': '恢复', "Exclude all of this rater's": '排除此人的全部', "Restore all of this rater's": '恢复此人的全部', 'Your own rating, to hold raters against': '你自己的评价,用来对照评价者',
    'Good': '好', 'Bad': '不好', 'No opinion': '没有意见', 'Choose an answer first.': '请先选择一个回答。', "Give a reason, such as 'spam': whoever looks later will want to know.": '请写明理由,例如“垃圾信息”:以后查看的人会想知道。',
    'There is no such answer any more. Look again.': '这个回答已不存在,请重新查看。', '{n} answers of this rater count again.': '此人的 {n} 个回答重新计入。',
    "{n} more answers of this rater are excluded. What they get from now on isn't.": '又排除了此人的 {n} 个回答。以后得到的不受影响。',
    'Excluded: {why}': '已排除:{why}', 'Question': '问题', 'Answer': '回答', 'This answer, by version {v}': '这个回答,来自版本 {v}', 'Another draft': '另一个回答', 'What was said': '评价记录', '(empty)': '(空)',
    'You rated it good.': '你评价为好。', 'You rated it bad.': '你评价为不好。', '{when}, rater {who}: liked it': '{when},评价者 {who}:喜欢', '{when}, rater {who}: liked it: {said}': '{when},评价者 {who}:喜欢:{said}',
    '{when}, rater {who}: disliked it': '{when},评价者 {who}:不喜欢', '{when}, rater {who}: disliked it: {said}': '{when},评价者 {who}:不喜欢:{said}', '{when}, rater {who}: took the rating back': '{when},评价者 {who}:撤回了评价',
    '{when}, rater {who}: wanted this instead: {said}': '{when},评价者 {who}:想要的是:{said}', '{when}, rater {who}: took the edit back': '{when},评价者 {who}:撤回了修改',
    '{when}, rater {who}: scored it: {said}': '{when},评价者 {who}:打分:{said}', '{when}, rater {who}: took the scores back': '{when},评价者 {who}:撤回了打分', '{when}, rater {who}: chose this one': '{when},评价者 {who}:选了这个',
    '{when}, rater {who}: chose the other draft': '{when},评价者 {who}:选了另一个', '{when}, rater {who}: called both drafts alike': '{when},评价者 {who}:认为两个一样', '{when}, rater {who}: called both drafts bad': '{when},评价者 {who}:认为两个都不好',
    'Asking the reward head about each word, in a process of its own: {n} s': '正在另一个进程里逐词询问奖励模型:{n} 秒', 'No reward head yet: the next training with enough feedback fits one.': '还没有奖励模型:下一次反馈足够的训练会拟合一个。',
    "What training needs isn't installed here: pip install -r requirements.txt": '这里没有安装训练所需的程序:pip install -r requirements.txt', 'Others are asking too. Try again in a minute.': '别人也在询问,请过一分钟再试。',
    'The reward head of cycle {n} expects {mean} of 100 people to like this answer; its members differ by ±{spread}. An average answer gets {start}; these words add {words}, length and markup {form}.': '第 {n} 轮的奖励模型估计 100 人中有 {mean} 人会喜欢这个回答,其成员之间相差 ±{spread}。平均的回答得 {start};这些词贡献 {words},长度和格式贡献 {form}。',
    "Of the reward {n}% is your own function's; it isn't in here.": '奖励的 {n}% 来自你自己的函数,不在这里。', 'Adds most: {words}': '加分最多:{words}', 'Takes most: {words}': '减分最多:{words}', 'Training looks no further.': '训练只看到这里。',

    'Rater': '评价者', 'Ratings': '评价', 'Changed their mind': '改变主意', 'Agrees with you': '与你一致', 'The {n} who rated most': '评价最多的 {n} 人', 'too few to tell ({n})': '太少,看不出({n})',
    'How this rater differs': '此人与他人的不同', 'Fitting a head to all the others, in a process of its own: {n} s': '正在另一个进程里用其他所有人的评价拟合奖励模型:{n} 秒',
    "A head of what all the others said ({others} ratings) foretells this rater's {n}: {~auc}.": '用其他所有人的评价({others} 条)拟合的奖励模型预测此人的 {n} 条评价:{auc}。',
    "Moved by this rater's own ratings, and held against those it hasn't seen: {~auc}.": '再用此人自己的评价调整,并在没见过的评价上检验:{auc}。', 'AUC {auc} ({low} to {high}, chance is {chance})': 'AUC {auc}({low} 至 {high},随机为 {chance})',
    'all thumbs alike, so nothing can be told': '评价全都一样,所以看不出', 'What sets them apart most: {kinds}.': '最大的不同在于:{kinds}。', 'They like what the others like.': '此人喜欢别人喜欢的。',
    'They like what the others dislike: another taste, or harm.': '此人喜欢别人不喜欢的:口味不同,或是有意破坏。', 'They have a taste of their own beside what all share.': '除了大家共有的口味,此人还有自己的口味。',
    'Neither tells anything until they have both liked and disliked answers.': '在此人既喜欢过也不喜欢过一些回答之前,两者都看不出什么。',
    'Neither is surely better than chance: too few ratings, a taste no head tells, or careless ones.': '两者都不明显好于随机:评价太少,口味无法预测,或是随意评价。',
    'You and people rated {n} answers both: too few to tell how far you agree. Rate some yourself under Review.': '你和别人都评价过的回答有 {n} 个:太少,看不出有多一致。请在“审阅”里自己评价一些。',
    'People agree with your own ratings: {~share}.': '别人与你自己的评价一致:{share}。', 'People agree with your own ratings: {~share}, kappa {k}.': '别人与你自己的评价一致:{share},kappa {k}。',
    'Cycle {n}, on held-out answers. Where the diamond stands outside the interval, the head favours or slights such answers.': '第 {n} 轮,在留出的回答上。菱形在区间之外的地方,奖励模型偏爱或轻视这类回答。',
    'No cycle has held scores against ratings yet.': '还没有哪一轮用评价检验过分数。', 'Length': '长度', 'Script': '文字', 'First word of the question': '问题的第一个词', 'people': '人', 'mean score of the head': '奖励模型的平均分',
    '{a} to {b} words': '{a} 至 {b} 词', 'over {a} words': '超过 {a} 词', 'any other': '其他', 'no word': '没有词', 'none': '无',

    'Data set': '数据集', 'prompt, chosen, rejected: for TRL\'s DPO, CPO, ORPO and reward trainers': 'prompt、chosen、rejected:用于 TRL 的 DPO、CPO、ORPO 和奖励训练器',
    'chosen, rejected, the prompt within both: for TRL\'s reward trainer': 'chosen、rejected,问题包含在两者之中:用于 TRL 的奖励训练器', 'prompt, completion, label: for TRL\'s KTO and BCO trainers': 'prompt、completion、label:用于 TRL 的 KTO 和 BCO 训练器',
    'prompt, completion: liked and edited answers, for TRL\'s SFT trainer': 'prompt、completion:受喜欢和修改过的回答,用于 TRL 的 SFT 训练器', 'prompt: what people asked, for TRL\'s GRPO, RLOO and online DPO trainers': 'prompt:人们问的问题,用于 TRL 的 GRPO、RLOO 和在线 DPO 训练器',
    'messages: conversations up to a liked or edited answer, for TRL\'s SFT trainer': 'messages:到一个受喜欢或修改过的回答为止的对话,用于 TRL 的 SFT 训练器', 'messages with weights: liked and edited answers, for OpenAI\'s fine-tuning': '带权重的 messages:受喜欢和修改过的回答,用于 OpenAI 微调',
    'input, preferred_output, non_preferred_output: for OpenAI\'s preference fine-tuning': 'input、preferred_output、non_preferred_output:用于 OpenAI 偏好微调', 'trees of messages with labels and rankings, as Open Assistant\'s tools read them': '带标签和排名的消息树,供 Open Assistant 的工具读取',
    'records with responses, for Argilla\'s records.from_json': '带回应的记录,用于 Argilla 的 records.from_json', 'every answer with its drafts, feedback, signals, version and timings': '每个回答及其各稿、反馈、信号、版本和用时', 'the same as Parquet': '同上,Parquet 格式',
  };
  const LEAVE = 'script, style, textarea, .turn p, .map';
  const NAMED = ['aria-label', 'placeholder', 'title', 'data-column'];

  const say = window.hitlSentences(ZH);

  function put(node) {
    const text = node.data.trim();
    if (!text || node.parentElement?.closest(LEAVE)) return;
    const said = say(text);
    if (said !== text) node.data = node.data.replace(text, () => said);
  }

  function name(element) {
    for (const attribute of NAMED) {
      const text = element.getAttribute(attribute);
      if (text && say(text) !== text) element.setAttribute(attribute, say(text));
    }
  }

  function translate(root) {
    if (root.nodeType === Node.TEXT_NODE) return put(root);
    if (root.nodeType !== Node.ELEMENT_NODE) return;
    const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) put(texts.currentNode);
    [root, ...root.querySelectorAll('[aria-label], [placeholder], [title]')].forEach(name);
  }

  new MutationObserver((changes) => {
    for (const { type, target, addedNodes } of changes) {
      if (type === 'childList') addedNodes.forEach(translate);
      else translate(target);
    }
  }).observe(document, { subtree: true, childList: true, characterData: true, attributeFilter: NAMED });
  setInterval(() => { // what a field shows changes without a trace in the document
    for (const field of document.querySelectorAll('input[role=combobox]:not(:focus)')) {
      if (say(field.value) !== field.value) field.value = say(field.value);
    }
  }, 500);
  document.documentElement.lang = 'zh';
})();
