// Every word of the visitor's own page, Chinese first; none of the data is here.
const TEXTS = {
  title: ["我的资料与权利", "My data and rights"],
  other: ["English", "中文"],
  opening: ["正在打开…", "Opening…"],
  incomplete: [
    "这个地址不完整：缺少只有您的二维码里才有的密钥。请重新扫描二维码，或打开当时保存的完整地址。",
    "This address is incomplete: it lacks the key that only your code has. Scan the code again, or open the whole address that you kept.",
  ],
  old: [
    "这个浏览器不能解密这一页。请用手机自带的较新浏览器，以 https 地址打开。",
    "This browser can’t decrypt the page. Use a recent one, and an https address.",
  ],
  closed: [
    "这个二维码在这里打不开任何内容。如果刚刚登记，请稍等，本页会自动再试；如果二维码已失效，请到案场凭身份证办理。",
    "This code opens nothing here. If you have only just registered, please wait: the page tries again by itself. If the code has ended, your ID card opens the same at the desk.",
  ],
  unreachable: ["暂时连接不上，本页会自动再试。", "Can’t connect just now. The page tries again by itself."],
  slower: ["操作太频繁，请 {n} 分钟后再试。", "Too often. Please try again in {n} minutes."],
  as_of: ["案场的盒子在 {at} 封存了以下内容，只有您的二维码能打开。", "The office’s box sealed this at {at}. Only your code opens it."],
  number: ["登记号码 {n}", "Registered number {n}"],
  part: [
    "这个二维码只显示您那一次登记时给出的内容：号码可能被别人输入，所以更早或更晚的内容要凭身份证在接待台查看。",
    "This code shows what was given at that one registration. Anybody can type a number, so what came before or after needs your ID card at the desk.",
  ],
  scopes: ["您同意的用途", "What you agreed to"],
  held: ["保存着什么", "What is held"],
  visits: ["来访记录", "Visits"],
  requests: ["您的请求", "Your requests"],
  acts: ["您可以", "You can"],
  nothing: ["没有保存其他内容。", "Nothing else is held."],
  since: ["自 {at} 起", "since {at}"],
  until: ["{at}", "{at}"],
  notice: ["告知版本 {n}", "notice {n}"],
  times: ["{n} 份", "{n} items"],
  withdraw: ["撤回", "Withdraw"],
  withdraw_sure: ["确认撤回“{n}”？马上停止使用，以前合法的使用不受影响。", "Withdraw “{n}”? Its use stops at once; what was lawful before stands."],
  yes: ["确认", "Confirm"],
  no: ["不，返回", "No, go back"],
  still_there: ["还在案场", "not left yet"],
  party: ["{n} 人", "party of {n}"],
  source: ["您说：{n}", "you said: {n}"],
  more: ["还有更早的 {n} 条没有显示；可以申请完整副本。", "{n} older ones aren’t shown; ask for a full copy."],
  due: ["最晚 {at} 答复（15 个工作日）", "answered by {at} (15 working days)"],
  asked: ["{at} 提出", "asked {at}"],
  settled: ["{at} 办结", "settled {at}"],
  correct: ["更正资料", "Correct something"],
  correct_note: ["写下哪里不对、应当是什么。由案场的隐私负责人处理。", "Say what is wrong and what it should be. The office’s privacy officer decides."],
  complain: ["投诉", "Complain"],
  complain_note: ["内容加密送到案场，总部只知道有一件投诉，看不到内容。", "It goes to the office sealed. Headquarters learns that there is a complaint, not what it says."],
  words: ["您的说明（最多 400 字）", "Your words (400 at most)"],
  send: ["加密发送", "Send sealed"],
  copy: ["取得副本", "Get a copy"],
  copy_note: ["马上保存本页内容；完整副本（含签名证明）由案场准备。", "Save what is on this page now; the office prepares the full copy, with the signed proofs."],
  save: ["保存本页内容", "Save this page’s content"],
  copy_ask: ["申请完整副本", "Ask for the full copy"],
  erase: ["删除我的全部资料", "Erase all my data"],
  erase_note: [
    "盒子先销毁密钥，再删除资料，并通知总部删除。不能恢复。这一页会留下一份回执 30 天。",
    "The box destroys the keys, then the data, and has headquarters delete theirs. There is no way back. A receipt stays on this page for 30 days.",
  ],
  erase_sure: ["确认删除全部资料？不能恢复。", "Erase everything? There is no way back."],
  sending: ["正在加密发送…", "Sealing and sending…"],
  sent: ["已送出，正在等待案场的盒子答复…", "Sent. Waiting for the office’s box…"],
  late: ["盒子还没有答复，可能不在线。请求已经登记在途中，稍后再看本页。", "The box hasn’t answered; it may be offline. The request is on its way: look again later."],
  answered: ["盒子已经答复，见“您的请求”。", "The box has answered, see “Your requests”."],
  failed: ["没有送出，请再试一次。", "It wasn’t sent. Please try again."],
  erasing: ["删除已经开始（{at}）。", "The erasure has begun ({at})."],
  erased: ["您的资料已经全部删除。", "All your data has been erased."],
  lapsed: ["保存期限已到（{at}），资料已经删除。", "The period is over ({at}), and the data was deleted."],
  receipt: ["删除回执", "Receipt of erasure"],
  receipt_at: ["删除时间", "Erased at"],
  receipt_keys: ["销毁的密钥", "Keys destroyed"],
  receipt_note: ["这份回执在这里保留 30 天，请自行保存。", "This receipt stays here for 30 days. Keep a copy."],
  contact: ["联系案场", "Contact"],
  complaints: ["投诉与监管渠道", "Complaints and regulator"],
  keep: [
    "这一页的地址就是钥匙：谁有它，谁就能看到和办理这些。请保存好，不要转发。",
    "This page’s address is the key: whoever has it can see and do all this. Keep it, and don’t pass it on.",
  ],
};

const FAMILIES = {
  scope: {
    registration: ["来访登记", "Registration"], id_card: ["身份证", "ID card"], face_match: ["人脸确认", "Face confirmation"],
    channel_risk: ["渠道核对", "Checking who brought you"], follow_up: ["后续联系", "Follow-up"],
    marketing: ["活动与推广信息", "News and offers"], recording: ["通话录音", "Call recording"], location: ["位置", "Location"],
  },
  state: {
    ACTIVE: ["同意中", "agreed"], WITHDRAWN: ["已撤回", "withdrawn"], DECLINED: ["未同意", "declined"],
    EXPIRED: ["已到期", "expired"], RECONSENT: ["待重新同意", "to be asked again"],
  },
  what: {
    number: ["手机号码", "Phone number"], template: ["人脸特征值（不含照片）", "Face template (no picture)"],
    card: ["身份证姓名、号码、有效期（不含照片）", "Name, number and validity of your ID card (no photo)"],
    recording: ["通话录音", "Call recording"], caller: ["来电号码（72 小时内回电用）", "Number of a call (to call back, 72 hours)"],
    appointment: ["预约的到访时间", "Appointments"],
    report: ["渠道报备", "A channel’s report"], deal: ["成交", "A deal"], listing: ["业主或在跟客户名单", "List of owners and live customers"],
  },
  basis: { consent: ["您的同意：{n}", "your consent: {n}"], inquiry: ["来电咨询", "your inquiry"], report: ["渠道提交", "the channel’s report"], contract: ["您与案场的合同", "your contract with the office"] },
  sign: {
    registration: ["登记", "registered"], face_confirmed: ["人脸已确认", "face confirmed"], id_card: ["读过身份证", "card read"],
    appointment: ["预约", "appointment"], announced_call: ["来电预告", "announced by call"],
    paper: ["纸质登记，后来补录", "a paper form, typed in later"],
  },
  told: {
    agent: ["中介、经纪人带来", "an agent brought me"], walk_in: ["自己来的", "nobody"], advert: ["看到广告", "an advert"],
    friend: ["朋友介绍", "a friend"], other: ["其他", "other"],
  },
  act: {
    withdraw: ["撤回同意", "Withdrawal"], correct: ["更正", "Correction"], erase: ["删除", "Erasure"],
    complain: ["投诉", "Complaint"], copy: ["完整副本", "Full copy"],
  },
  stands: { done: ["已办结", "done"], waits: ["办理中", "in progress"], refused: ["未办理", "refused"] },
  code: {
    withdrawn: ["已停止使用。", "Its use has ended."], not_active: ["这些用途本来就没有在使用。", "These uses weren’t active."],
    overtaken: ["您在这之后又同意过一次，以后来的同意为准。请刷新后再决定。", "You agreed again after that, and the later word counts. Look again, then decide."],
    a_person_decides: ["由案场的隐私负责人处理。", "The office’s privacy officer decides."],
    complaint_noted: ["投诉已登记，由隐私负责人答复。", "Noted; the privacy officer answers."],
    identity_needed: [
      "这个号码下还有这个二维码看不到的内容，要先确认您本人：请带身份证到接待台，或等负责人联系。",
      "There is more under this number than this code shows, so you have to be known first: bring your ID card to the desk, or wait for the officer.",
    ],
    too_many: ["今天同类请求太多。第一次总是免费办理；明天可以再提。", "Too many of this kind today. The first is always free; ask again tomorrow."],
    corrected: ["已更正。", "Corrected."], answered: ["已答复。", "Answered."], copy_given: ["副本已交给您。", "The copy was given to you."],
    identity_not_shown: ["没有确认到您本人，所以没有办理。请带身份证到接待台。", "You couldn’t be identified, so it wasn’t done. Bring your ID card to the desk."],
    not_founded: ["经核实，没有需要改动的内容。", "Looked into: nothing had to be changed."],
  },
  row: {
    tokens: ["匿名编号", "Tokens"], contacts: ["号码", "Numbers"], templates: ["人脸特征值", "Face templates"], cards: ["身份证资料", "Card data"],
    sources: ["来源回答", "Answers about source"], visits: ["来访", "Visits"], evidence: ["到访依据", "Signs of presence"],
    recordings: ["录音", "Recordings"], calls: ["通话", "Calls"], reports: ["报备", "Reports"], verdicts: ["判客结论（只留哈希）", "Findings (hash remains)"],
    outbox: ["待发送记录", "Records waiting"], call_numbers: ["来电号码", "Callers’ numbers"], signed_consents: ["同意签名记录", "Signed consents"],
    deals: ["成交", "Deals"], deal_buyers: ["成交的购房人", "Buyers of deals"], known_customers: ["业主和在跟客户名单", "List of owners and live customers"],
    follow_ups: ["跟进", "Follow-ups"], extensions: ["保护期延长", "Extensions"],
    appointments: ["预约", "Appointments"], rights_links: ["二维码", "Codes"], rights_requests: ["请求", "Requests"],
  },
};

const filled = (pair, lang, values) =>
  pair[lang === "zh" ? 0 : 1].replaceAll(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));

export const say = (lang, name, values = {}) => filled(TEXTS[name], lang, values);

// A code that this page doesn't know yet is shown as it is: better than nothing.
export const named = (lang, family, code, values = {}) =>
  FAMILIES[family][code] ? filled(FAMILIES[family][code], lang, values) : String(code);
