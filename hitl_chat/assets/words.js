// The page's words in the browser's language: English as written in the scripts, or Chinese.
(() => {
  if (window.hitlSay) return;
  const ZH = {
    'Good answer': '好回答', 'Bad answer': '不好的回答', 'Edit this answer': '修改这个回答', 'Copy': '复制',
    'Regenerate': '重新生成', 'Undo: take the question back': '撤回这个问题', 'Draft before': '上一个回答',
    'Draft after': '下一个回答', 'Compare with another draft': '与另一个回答比较', 'More': '更多', 'Writing': '正在写',
    'About this answer': '关于这个回答', 'stopped': '已停止', 'interrupted': '已中断', 'broke off': '出错中断',
    'cut at the limit': '达到长度上限', 'edited by you': '由你修改', '{n} before you': '前面还有 {n} 人',
    'Not answered yet.': '还没有回答。', 'Try again': '再试一次', 'Thanks.': '谢谢。', 'Taken back.': '已撤回。',
    'Not saved. {why}': '没有保存。{why}', 'Say what was good': '说说好在哪里', 'Say what was wrong': '说说哪里不好',
    'Score it': '逐项打分', 'What did my rating do?': '我的评价起了什么作用?', 'Your own words': '你自己的话',
    'In your own words (optional)': '用你自己的话说(可不填)', 'Save': '保存', 'Cancel': '取消', 'Close': '关闭',
    'Thanks, noted.': '谢谢,已记下。', 'The answer you wanted': '你想要的回答', 'Your changes': '你的改动',
    'Save my version': '保存我的版本', 'Take my version back': '撤回我的版本', 'Thanks, your version is kept.': '谢谢,你的版本已保存。',
    'Copied.': '已复制。', 'Task': '任务', 'Guideline': '评分标准', 'Save scores': '保存分数', 'Take scores back': '撤回分数',
    'The browser does not allow copying here. Select the text instead.': '浏览器不允许在这里复制,请手动选择文字。',
    'The server does not answer. Try again shortly.': '服务器没有响应,请稍后再试。',
    'The server could not do that. Try again shortly.': '服务器无法完成,请稍后再试。',
    'Writing another answer…': '正在写另一个回答…', 'Which answer is better?': '哪个回答更好?',
    'The order is random; which version wrote which is told afterwards.': '顺序是随机的;哪个版本写的,选完再告诉你。',
    'A is better': 'A 更好', 'B is better': 'B 更好', 'Tie': '一样好', 'Both bad': '都不好',
    'Thanks. A is from {a}, B from {b}.': '谢谢。A 来自 {a},B 来自 {b}。',
    'You said': '你的评价', 'Became': '成为', 'Training': '训练', 'Verdict': '结果', 'Before': '之前', 'After': '之后',
    'nothing yet': '还没有', 'that it is good': '这个回答好', 'that it is bad': '这个回答不好', 'took it back': '已撤回',
    'what you wanted instead': '你想要的另一种回答', 'which draft is better': '哪个回答更好', 'scores': '分数',
    'an example: this question and answer, target {target}': '一个样本:这个问题和回答,目标值 {target}',
    'a pair: one answer preferred to the other': '一对样本:其中一个回答更受偏好', 'no example': '没有成为样本',
    'it waits for the next one': '等待下一次训练', 'cycle {n} learned from it': '第 {n} 轮训练用了它',
    'cycle {n} kept it apart, to check what was learned': '第 {n} 轮训练用它来检验所学',
    'Answer it again with {version}': '用 {version} 再回答一次', 'no newer version serves': '还没有更新的版本',
    'Wrong facts': '事实错误', "Didn't follow the request": '没有按要求做', 'Too long': '太长', 'Too short': '太短',
    'Style or tone': '风格或语气', 'Other': '其他',
    'dialogue': '对话', 'summarisation': '摘要', 'translation': '翻译', 'code': '代码', 'natural': '自然', 'logical': '有条理',
    'informative': '有内容', 'fluent': '通顺', 'accurate': '准确', 'complete': '完整', 'faithful': '忠实', 'fitting': '得体',
    'correct': '正确', 'readable': '易读', 'Reads as a person would say it.': '像人说的话。',
    'Follows from what was said, without contradicting itself.': '承接上文,不自相矛盾。',
    'Tells what was asked for, and nothing beside it.': '答其所问,不说多余的。', 'Reads well by itself.': '单独读来通顺。',
    "Says nothing that the text doesn't.": '不说原文没有的。', 'Leaves out nothing that matters.': '不漏掉重要的。',
    'Means what the original means.': '意思与原文一致。', 'Could have been written in this language.': '像是用这种语言写的。',
    'Keeps tone, names and terms.': '保留语气、名称和术语。', 'Runs and does what was asked.': '能运行,并做到所要求的。',
    'Handles the cases that were named.': '处理了所说的各种情况。', 'A colleague would understand and keep it.': '同事看得懂,也愿意保留。',
    '{n} piece of feedback waiting; training is switched off': '{n} 条反馈在等待;训练已关闭',
    '{n} pieces of feedback waiting; training is switched off': '{n} 条反馈在等待;训练已关闭',
    '{n} piece of feedback waiting; training starts shortly': '{n} 条反馈在等待;训练即将开始',
    '{n} pieces of feedback waiting; training starts shortly': '{n} 条反馈在等待;训练即将开始',
    '{n} of {after} pieces of feedback until the next training': '距下次训练:{n}/{after} 条反馈',
    'Learning now: {phase}, {share}%': '正在学习:{phase},{share}%', 'collecting': '收集', 'preparing': '准备',
    'fitting the reward': '拟合奖励', 'practising': '练习', 'checking the result': '检验结果', 'publishing': '发布',
    'A new version was refused; the one before keeps serving': '新版本被拒绝;之前的版本继续服务', 'none so far': '还没有',
    'Serving now': '正在服务', 'Feedback so far': '至今的反馈', 'Waiting for a training': '等待训练', 'Last training': '上次训练',
    'Running': '进行中', 'Problem': '问题',
    'Show earlier messages': '显示更早的消息', 'Send': '发送', 'Stop': '停止', 'New conversation': '新对话', 'Type a message': '输入消息', 'Message': '消息',
    'Ask something. Rate, edit or redo the answers: the model learns from that.': '问点什么吧。评价、修改或重做回答:模型会从中学习。',
  };
  const chinese = (navigator.language || '').toLowerCase().startsWith('zh');
  window.hitlSay = (text, values = {}) => {
    const said = (chinese && ZH[text]) || text;
    return said.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  };
  if (chinese) document.documentElement.lang = 'zh';
})();
