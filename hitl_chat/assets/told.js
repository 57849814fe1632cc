// What the server tells people when something can't be done, in the browser's language.
(() => {
  if (window.hitlTold) return;
  const SHORTLY = '请稍后再试。';
  const ZH = [
    [/^(?:Warning|Error)$/, '提示'],
    [/^That was a lot in a short time\. Wait (\d+) seconds? and try again\.$/, '短时间内次数太多。请等 $1 秒再试。'],
    [/^A lot came from your address in a short time\. Wait (\d+) seconds? and try again\.$/, '你的网络地址短时间内次数太多。请等 $1 秒再试。'],
    [/^An answer is still being written here\./, '这里还有一个回答正在写。请等它写完,或按“停止”。'],
    [/^(\d+) people are being answered or wait already\./, `已有 $1 人在等回答。${SHORTLY}`],
    [/^The (?:message|edited answer|comment) is empty\./, '内容是空的。请先输入。'],
    [/^The (?:message|edited answer|comment) has ([\d,]+) characters; the limit is ([\d,]+)\./, '内容有 $1 个字符,上限是 $2。请缩短。'],
    [/^That is longer than the model can read\./, '内容超出了模型能读的长度。请缩短,或开始新对话。'],
    [/^The chat is closing\./, `聊天正在关闭。${SHORTLY}`],
    [/^The model's server (?:is busy|doesn't answer|broke off|refused|failed)/, `模型服务器现在无法回答。${SHORTLY}`],
    [/^The model is being loaded again\./, `模型正在重新加载。${SHORTLY}`],
    [/^The GPU gave up on this answer\./, `GPU 没能完成这个回答。${SHORTLY}`],
    [/^Not saved: .* Try again shortly\.$/, `没有保存。${SHORTLY}`],
    [/^Not saved: .* make room for it\.$/, '没有保存:磁盘写不下了,需要主办者处理。'],
    [/^Something went wrong on the server\./, `服务器出错了。${SHORTLY}`],
    [/^This token is not valid\./, '你的身份凭证已失效。请重新加载页面。'],
    [/^No such (?:message|conversation)\.$/, '找不到这条消息。请重新加载页面。'],
    [/^Version (\S+) was refused, (\S+) keeps serving$/, '版本 $1 被拒绝;$2 继续服务'],
    [/^Version (\S+) waits, (\S+) keeps serving$/, '版本 $1 在等待;$2 继续服务'],
    [/^No snapshot could be stored; a restart would lose data$/, '快照没能保存;重启会丢失数据'],
    [/^Snapshots from before an erasure could not be deleted; they still hold who was erased$/, '删除之前的快照没能清除;其中还有已删除的人'],
    [/^Somebody was erased, and not every copy of what they said is cleared$/, '有人已被删除,但其所说内容的副本没能全部清除'],
    [/^Erased, but /, '已删除,但还有副本没有清除;应用运行期间会再试。'],
  ];
  const chinese = document.documentElement.lang === 'zh';
  window.hitlTold = line => {
    const known = chinese && ZH.find(([pattern]) => pattern.test(line));
    return known ? line.match(known[0])[0].replace(...known) : line;
  };
  if (!chinese) return;
  const shown = document.getElementsByClassName('toast-body');   // Gradio's, for what the server warns of
  function translate() {
    for (const toast of shown) {
      const texts = document.createTreeWalker(toast, NodeFilter.SHOW_TEXT);   // Gradio keeps hold of its elements
      while (texts.nextNode()) {
        const text = texts.currentNode.data.trim(), said = window.hitlTold(text);
        if (said !== text) texts.currentNode.data = said;
      }
    }
  }
  new MutationObserver(translate).observe(document.documentElement, { childList: true, subtree: true });
})();
