"""The words for who subscribes or signs (认购, 签约), in Chinese and English; never those of the notice."""

BUYER_TEXTS: dict[str, tuple[str, str]] = {
    "start.buyer": ("认购、签约：核对渠道", "Buying: who brought you"),
    "buyer.title": ("认购、签约前，问您一件事", "Before you sign: one question"),
    "buyer.lead": (
        "同意或不同意都一样快，都不影响价格、房源和服务，也不影响认购、签约。",
        "A yes is as quick as a no. Neither changes your price, your choice, your service or the signing.",
    ),
    "buyer.phone_hint": ("登记来访时用的号码", "The number that you registered with"),
    "buyer.earlier": (
        "以前的来访：只有核实了是您本人的，才一并核对。报个号码不算核实；接待人员看过您的证件，"
        "或者您放上以前同意留存的身份证，才算。",
        "Earlier visits are checked only once it is clear that it is you. A number alone isn’t enough: the "
        "receptionist looks at your papers, or you lay down the ID card that you let us keep.",
    ),
    "buyer.submit": ("提交我的回答", "Submit my answer"),
    "buyer.unknown": (
        "这个号码现在没有登记，没有可以核对的来访。要登记，请在这里逐项选择；不登记，也照常认购、签约。",
        "This number isn’t registered just now, so there is no visit to check. You can register here, item "
        "by item; without it you sign as usual.",
    ),
    "buyer.agreed": ("记下了：您同意核对", "Noted: you agree to the check"),
    "buyer.declined": ("记下了：不核对", "Noted: nothing is checked"),
    "buyer.declined_note": (
        "不影响价格、房源和服务，也没有人会追问。",
        "Your price, choice and service stay the same, and nobody will ask why.",
    ),
    "buyer.all": (
        "从现在起的来访，和以前登记过、还在保存期内的来访，都会核对。接待人员刚核实过是您本人。",
        "Visits from now on are checked, and earlier ones that you registered and that are still kept: "
        "the receptionist has just seen that it is you.",
    ),
    "buyer.some": (
        "从现在起的来访，和这张证件留存那次登记以来的来访，都会核对。",
        "Visits from now on are checked, and earlier ones since the registration at which the card was kept.",
    ),
    "buyer.from_now": (
        "从现在起的来访会核对；以前的来访，没有核实是您本人，不核对。",
        "Visits from now on are checked. Earlier ones aren’t, since it wasn’t shown that it is you.",
    ),
    "buyer.withdraw": (
        "随时可以撤回：在首页点“撤回同意”。",
        "You can withdraw at any time, on the first page.",
    ),
    "buyer.card": ("放上身份证，也核对以前的来访", "Lay down my card: earlier visits too"),
    "buyer.card_note": (
        "须是您以前同意留存的那一张；读后不另外保存",
        "The one that you let us keep; nothing more is kept of it",
    ),
    "buyer.finish": ("完成", "Finish"),
    "buyer.finish_note": ("清空屏幕", "Clear the screen"),
    "buyer.wait": ("正在读取身份证", "Reading your ID card"),
    "buyer.wait_note": ("请不要移动读卡器上的证件。", "Please leave the card on the reader."),
    "buyer.stop": ("停止，不用身份证", "Stop, without my card"),
    "buyer.nothing": (
        "这张证件没有和这次登记一起留存过，所以以前的来访不核对。您的同意从现在起有效。",
        "This card wasn’t kept with this registration, so earlier visits aren’t checked. "
        "Your yes counts from now on.",
    ),
    "buyer.no_card": (
        "没有看到证件。请平放在读卡器上再试，或者直接完成。",
        "No card was seen. Lay it flat on the reader and try again, or finish.",
    ),
    "buyer.not_lifted": (
        "读卡器上的证件已经读过了。请拿起来，再放回去。",
        "The card on the reader was read before. Lift it and put it back.",
    ),
    "buyer.failed": (
        "没有读成。请重新放好再试，或者直接完成。",
        "It could not be read. Place it again, or finish.",
    ),
    "buyer.busy": ("读卡器正在使用，请稍等再试。", "The reader is in use. Please try again in a moment."),
    "buyer.later": (
        "试得太多了。请找接待人员核实，或者直接完成。",
        "Too many attempts. The receptionist can look at your papers, or finish.",
    ),
    "error.answer": ("请选“同意”或“不同意”。", "Please choose yes or no."),
    # at the desk
    "desk.vouch_ask": ("认购、签约？核实是客户本人", "Buying? Confirm that it is them"),
    "desk.vouch": ("核实是客户本人", "Confirm that it is them"),
    "desk.vouch_lead": (
        "客户认购、签约时，平板会问：是否同意核对是谁带来的。您核实过，客户的“同意”才包括以前登记过的来访。",
        "When customers buy, the tablet asks whether it may be checked who brought them. Their yes reaches "
        "the visits they registered earlier only if you saw that it is them.",
    ),
    "desk.vouch_papers": (
        "看客户出示的身份证，和认购书、合同上的姓名一致。",
        "Look at the ID card they show: the name is that of the subscription or contract.",
    ),
    "desk.vouch_number": (
        "请客户用自己的手机出示号码 {phone}，例如当场拨打一次。",
        "Have them show on their own phone that {phone} is their number: by calling it, for example.",
    ),
    "desk.vouch_theirs": (
        "同意还是不同意，由客户自己在平板上点。您不代点，也不劝。",
        "Yes or no is theirs, tapped by themselves on the tablet. Don’t tap for them, and don’t persuade.",
    ),
    "desk.vouch_noted": (
        "只记下您的工号、时间和这次来访；十分钟内有效。",
        "Kept are your number, the time and which visit; it holds for ten minutes.",
    ),
    "desk.vouch_seen": ("证件和号码，我都看过了", "I saw both, the card and the number"),
    "desk.vouch_do": ("确认", "Confirm"),
    "desk.must_be_seen": ("请先看证件和号码。", "Please look at card and number first."),
    "desk.vouched": (
        "核实好了。请客户十分钟内在平板首页点“认购、签约：核对渠道”。",
        "Confirmed. Within ten minutes the customer can answer on the tablet: “Buying: who brought you”.",
    ),
}
